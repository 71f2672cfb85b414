import FoundationEssentials
package import NIOCore
import NIOHTTP1
import OCI

/// What a web service answered when it was asked for a document.
package enum JSONAnswer: Hashable, Sendable {
    /// The document, whole but not parsed, and what the service calls this state of it.
    case document(ByteBuffer, entityTag: String?)
    /// It is what it was when the service gave the entity tag (304).
    case notModified
    /// There is no such document (404).
    case missing
}

extension RegistryClient {
    /// How much of a document is read, in bytes.
    private static let documentLimit = 8 << 20

    /// Asks a web service for a JSON document, without credentials: endoflife.date, for one.
    ///
    /// GET by the registries' rules for retries, `Retry-After`, timeouts and redirects. Safe to repeat.
    ///
    /// - Parameters:
    ///   - url: absolute, `http` or `https`, without user.
    ///   - entityTag: of the copy at hand, for `If-None-Match`.
    /// - Returns: the document, or why there is none to be had; neither is an error.
    /// - Throws: ``JSONFetchError``, `CancellationError`.
    package func fetchJSON(_ url: String, entityTag: String? = nil) async throws -> JSONAnswer {
        guard let address = HTTPURL(url) else {
            throw JSONFetchError(url: url.prefix { $0 != "?" }.displaySafe, reason: "it is not an http or https URL")
        }
        do {
            return try await fetch(address, entityTag: entityTag)
        } catch let error as RegistryError {
            throw JSONFetchError(url: address.withoutQuery.displaySafe, reason: error.reason)
        }
    }

    private func fetch(_ address: HTTPURL, entityTag: String?) async throws -> JSONAnswer {
        let service = service(at: address.origin)
        var headers: HTTPHeaders = ["Accept": "application/json"]
        // It comes from a file: one that no header can hold asks for the document anew.
        if let entityTag, entityTag.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            headers.add(name: "If-None-Match", value: entityTag)
        }
        let context = try Self.context(address)
        let question = WebService.Question(
            request: WireRequest(method: .GET, address: address, headers: headers, lane: .read),
            context: context,
            limit: Self.documentLimit
        )
        return try await service.retrier.run(context) {
            let answer = try await service.attempt(
                question,
                accepting: entityTag == nil ? [200, 404] : [200, 304, 404]
            )
            switch answer.status {
            case 404: return .missing
            case 304: return .notModified
            default: return .document(try Self.document(answer, context), entityTag: answer.header("ETag"))
            }
        }
    }

    private static func document(_ answer: Answer, _ context: CallContext) throws(RegistryError) -> ByteBuffer {
        guard !answer.isCut else { throw context.error(.tooLarge, "the answer has more than \(documentLimit) bytes") }
        let type = answer.header("Content-Type").flatMap { try? MediaType($0) }
        guard type?.description != "text/html" else {
            var error = context.error(
                .protocolViolation,
                "the answer is a web page; a proxy or a login page may stand between",
                status: answer.status
            )
            error.isRetriedOnce = true
            throw error
        }
        return answer.body
    }

    /// The service in the place of a registry, for the rules that log where they are at work.
    private static func context(_ address: HTTPURL) throws -> CallContext {
        do {
            let host = try RegistryHost(address.origin.authority)
            let location = RepositoryReference(host: host, repository: try RepositoryName("documents"))
            return CallContext(action: .readDocument, location: location)
        } catch {
            throw JSONFetchError(url: address.withoutQuery.displaySafe, reason: error.description)
        }
    }
}

/// Why a web service gave no document.
package struct JSONFetchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Without its query, safe to display.
    package let url: String
    /// What happened, safe to display.
    package let reason: String

    package var description: String { "\(url): \(reason)" }
}

extension RegistryError {
    fileprivate var reason: String {
        switch kind {
        case .unauthorized, .forbidden: "the service refuses anonymous requests (\(status ?? 0))"
        case .rateLimited(let until): "rate limited until \(until.formatted(.iso8601))"
        default: detail
        }
    }
}

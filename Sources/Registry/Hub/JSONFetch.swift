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
            throw JSONFetchError(url: address.withoutQuery.displaySafe, reason: error.reasonOfService)
        }
    }

    private func fetch(_ address: HTTPURL, entityTag: String?) async throws -> JSONAnswer {
        let service = service(at: address.origin)
        var request = HTTPRequest(
            context: service.retry.context(.readDocument, try Self.location(address)),
            method: .GET,
            target: .url(address)
        )
        request.headers = ["Accept": "application/json"]
        // It comes from a file: one that no header can hold asks for the document anew.
        if let entityTag, entityTag.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            request.headers.add(name: "If-None-Match", value: entityTag)
        }
        request.limit = Self.documentLimit
        request.accepted = entityTag == nil ? [200, 404] : [200, 304, 404]
        return try await service.retry.run(request.context) {
            let response = try await service.attempt(request)
            switch response.status {
            case 404: return .missing
            case 304: return .notModified
            default:
                let document = try Self.document(response, request.context)
                return .document(document, entityTag: response.header("ETag"))
            }
        }
    }

    private static func document(
        _ response: HTTPResponse,
        _ context: CallContext
    ) throws(RegistryError) -> ByteBuffer {
        guard !response.isCut else { throw context.error(.tooLarge, "the answer has more than \(documentLimit) bytes") }
        guard !response.isWebPage else { throw context.notUnderstood(response, "") }
        return response.bytes
    }

    /// The service in the place of a registry, for the rules that log where they are at work.
    private static func location(_ address: HTTPURL) throws -> RepositoryReference {
        do {
            let host = try RegistryHost(address.origin.authority)
            return RepositoryReference(host: host, repository: try RepositoryName("documents"))
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

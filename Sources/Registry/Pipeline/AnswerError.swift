import NIOCore
import OCI

extension RegistryError {
    static let webPage = "the answer is a web page; a proxy or a login page may stand between"

    /// What an answer other than those asked for means; secrets that it repeats are not shown.
    init(_ response: HTTPResponse, _ context: CallContext) {
        let errors = response.isCut ? [] : DistributionError.parse(response.bytes)
        let authorization = response.authorization
        self.init(
            kind: Self.kind(status: response.status, errors: errors, response.bytes),
            action: context.action,
            location: context.location,
            status: response.status,
            code: errors.first?.code,
            detail: "",
            credential: authorization.credential?.source,
            user: authorization.credential?.user,
            cause: errors.first
        )
        isRetriedOnce = response.status == 400 && [.unknown, .blobUploadInvalid].contains(errors.first?.code)
        isTokenRefused = authorization.token != nil
        account = authorization.account
        if let realm = authorization.withheldFrom, response.status == 401 {
            detail =
                "its token service \(realm) is another organisation's, so the credentials were not sent there; "
                + "if it is this registry's, name \(realm.authority) in 'auth_realms' for \(location.host)"
        } else if [401, 403].contains(response.status), !response.isHome {
            kind = .rejected
            // An address that was signed may have expired on the way to it: the next try gets another.
            isRetriedOnce = response.status == 403 && context.action == .readBlob
            code = nil
            detail = "it leads to \(response.url.origin), which refuses the request"
            credential = nil
        } else if kind != .unauthorized {
            detail = response.isWebPage ? Self.webPage : Self.detail(response, errors)
        }
    }

    private static func kind(status: Int, errors: [DistributionError], _ body: ByteBuffer) -> Kind {
        let codes = errors.compactMap(\.code)
        if codes.contains(.tooManyRequests) { return .unavailable }
        if codes.contains(.manifestBlobUnknown) || codes.contains(.blobUnknown) && status == 400 {
            return .blobUnknown(errors.compactMap(\.digest))
        }
        switch status {
        case 401: return .unauthorized
        case 403: return .forbidden
        case 404: return codes.contains(.blobUploadUnknown) ? .uploadLost : .notFound
        case 408, 425, 429, 499: return .unavailable
        case 405, 415, 501, 505: return .unsupported
        case 413: return .tooLarge
        // GHCR says so of a request's body.
        case 416 where String(buffer: body).lowercased().contains("too large"): return .tooLarge
        case 400 where codes.contains(.unsupported): return .unsupported
        case 500...: return .unavailable
        case 300..<400, ..<200: return .protocolViolation
        default: return .rejected
        }
    }

    private static func detail(_ response: HTTPResponse, _ errors: [DistributionError]) -> String {
        guard let first = errors.first else { return "the registry answers \(response.status)" }
        let message = first.message.isEmpty ? first.rawCode : first.message
        let text = first.detail.isEmpty || message.contains(first.detail) ? message : "\(message): \(first.detail)"
        let authorization = response.authorization
        let secrets = authorization.secrets + (authorization.credential?.secrets ?? [])
        return "the registry says '\(text.hiding(secrets).displaySafe)'"
    }
}

extension DistributionError {
    /// The digest that the message names.
    fileprivate var digest: Digest? {
        for word in "\(message) \(detail)".split(whereSeparator: { " \"'=,;()[]{}<>".contains($0) }) {
            if let digest = try? Digest(word) { return digest }
        }
        return nil
    }
}

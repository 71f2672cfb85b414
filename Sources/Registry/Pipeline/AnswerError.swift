import NIOHTTP1
import OCI

extension RegistryError {
    /// What an answer other than success means.
    ///
    /// `secrets` is what was sent besides the credential and must not be shown when the answer repeats it.
    init(_ answer: Answer, _ context: CallContext, credential: Credential?, secrets: [Secret] = []) {
        let errors = answer.isCut ? [] : DistributionError.parse(answer.body)
        let kind = Self.kind(status: answer.status, errors: errors)
        self.init(
            kind,
            context.action,
            context.location,
            status: answer.status,
            code: errors.first?.code,
            detail: kind == .unauthorized
                ? "" : Self.detail(answer, errors: errors, hiding: secrets + (credential?.secrets ?? [])),
            credential: credential,
            cause: errors.first
        )
        isRetriedOnce = answer.status == 400 && [.unknown, .blobUploadInvalid].contains(errors.first?.code)
    }

    private static func kind(status: Int, errors: [DistributionError]) -> Kind {
        let codes = errors.compactMap(\.code)
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
        case 400 where codes.contains(.unsupported): return .unsupported
        case 500...: return .unavailable
        case 300..<400, ..<200: return .protocolViolation
        default: return .rejected
        }
    }

    private static func detail(_ answer: Answer, errors: [DistributionError], hiding secrets: [Secret]) -> String {
        guard let first = errors.first else { return "the registry answers \(answer.status)" }
        let message = first.message.isEmpty ? first.rawCode : first.message
        return "the registry says '\(message.hiding(secrets).displaySafe)'"
    }
}

extension DistributionError {
    /// The digest that the message names.
    fileprivate var digest: Digest? {
        for word in message.split(whereSeparator: { " \"'=,;()[]{}<>".contains($0) }) {
            if let digest = try? Digest(word) { return digest }
        }
        return nil
    }
}

import OCI
import Registry

extension UpstreamError {
    /// Runs a request to a registry and says what its failure means to somebody behind a server; other errors pass.
    static func mapping<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as RegistryError {
            throw UpstreamError(error)
        } catch let error as DocumentError {
            throw UpstreamError(.unusable, "the upstream's manifest cannot be used: \(error)", cause: error)
        } catch let error as ReferrerInterface.Absence {
            throw UpstreamError(.unusable, "\(error)", cause: error)
        }
    }

    private init(_ error: RegistryError) {
        let status = [error.status?.description, error.code?.rawValue].compactMap(\.self).joined(separator: " ")
        self.init(
            Self.kind(error),
            "\(error)",
            told: "\(error.location): cannot \(error.action.rawValue)" + (status.isEmpty ? "" : " (\(status))"),
            retryAfter: error.timeToRest,
            isOutOfReach: error.isOutOfReach,
            cause: error
        )
        isElsewhere = error.isStores
    }

    private static func kind(_ error: RegistryError) -> Kind {
        switch error.kind {
        case .unauthorized, .forbidden: .denied
        // Not of our rate: it asks everybody to come back later.
        case .rateLimited: error.status == 503 ? .unavailable : .rateLimited
        case .notFound: .notFound
        case .unavailable: error.status == 429 ? .rateLimited : .unavailable
        case .timeout: .timeout
        case .connection: .unavailable
        case .protocolViolation, .digestMismatch, .tooLarge, .unsupported, .rejected, .configuration: .unusable
        case .blobUnknown, .uploadLost: .unusable
        }
    }
}

import OCI

/// What is being done and where: what every error says.
struct CallContext: Sendable {
    let action: RegistryError.Action
    let location: RepositoryReference

    func error(
        _ kind: RegistryError.Kind,
        _ detail: String,
        status: Int? = nil,
        cause: (any Error)? = nil
    ) -> RegistryError {
        RegistryError(kind, action, location, status: status, detail: detail, cause: cause)
    }

    /// Turns failures of the wire into errors that say where.
    func mapping<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let failure as WireFailure {
            var error = error(failure.kind, failure.detail, cause: failure.cause)
            error.isBeforeAnswer = failure.isBeforeAnswer
            throw error
        } catch let refused as RealmRefused {
            throw error(.protocolViolation, "its token service \(refused.realm) is not used, because \(refused.reason)")
        } catch let failure as CredentialError {
            throw error(.configuration, failure.description, cause: failure)
        }
    }
}

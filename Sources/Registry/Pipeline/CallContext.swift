import Concurrency
import OCI

/// What is being done and where, which every error says, and the tries that are left for it.
struct CallContext: Sendable {
    let action: RegistryError.Action
    let location: RepositoryReference
    let budget: RetryBudget
    /// What it is about, where that is a blob.
    var subject: String?

    /// Where it is, as a log tells it: a service that is no registry has no repositories.
    var place: String { action == .readDocument ? "\(location.host)" : "\(location)" }

    /// Another step of the same operation.
    func step(_ action: RegistryError.Action) -> CallContext {
        CallContext(action: action, location: location, budget: budget)
    }

    /// A part of the same operation that is under way beside others, with tries of its own.
    func part() -> CallContext {
        CallContext(action: action, location: location, budget: budget.part(), subject: subject)
    }

    /// The same operation by another way, with all of its tries.
    func again() -> CallContext {
        budget.progressed()
        return self
    }

    func error(
        _ kind: RegistryError.Kind,
        _ detail: String,
        status: Int? = nil,
        cause: (any Error)? = nil
    ) -> RegistryError {
        var error = RegistryError(kind: kind, action: action, location: location, status: status, detail: detail)
        (error.subject, error.cause) = (subject, cause)
        return error
    }

    /// What has failed for somebody else, told as the failure of this operation, which needed the same.
    func sharing(_ error: RegistryError) -> RegistryError {
        var error = error
        (error.action, error.location, error.subject) = (action, location, subject)
        return error
    }

    /// An answer that is none: worth one more try, as proxies and services that are starting up say odd things.
    func notUnderstood(_ response: HTTPResponse, _ detail: String) -> RegistryError {
        var error = error(
            .protocolViolation,
            response.isWebPage ? RegistryError.webPage : detail,
            status: response.status
        )
        error.isRetriedOnce = true
        error.blames(response)
        return error
    }

    /// Turns failures of the wire into errors that say where.
    func mapping<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let failure as WireFailure {
            var error = error(failure.kind, failure.detail, cause: failure.cause)
            error.isBeforeAnswer = failure.isBeforeAnswer
            error.isConnecting = failure.isConnecting
            error.isStale = failure.isStale
            error.isAwaitingSource = failure.isAwaitingSource
            error.other = failure.other.flatMap { $0 == location.host.description ? nil : $0 }
            error.isLed = failure.isLed
            error.proxy = failure.proxy
            throw error
        } catch let refused as RealmRefused {
            throw error(.protocolViolation, "its token service \(refused.realm) is not used, because \(refused.reason)")
        } catch let failure as CredentialError {
            throw error(.configuration, failure.description, cause: failure)
        }
    }
}

extension SingleFlight {
    /// The value for a key that several operations may need at once; what fails is told to each as its own failure.
    ///
    /// - Throws: what the fetch throws, a ``RegistryError`` as one of `context`; `CancellationError`.
    func value(
        for key: Key,
        _ context: CallContext,
        isGood: (Value) -> Bool = { _ in false },
        fetch: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await value(for: key, isGood: isGood, fetch: fetch)
        } catch let error as RegistryError { throw context.sharing(error) }
    }
}

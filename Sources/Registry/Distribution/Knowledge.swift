/// What asking a registry came to where its refusal is an answer too.
///
/// Push-only credentials, and registries that hide what they hold, refuse questions about a target that can be pushed
/// to all the same: then nothing is known, and copying is right.
package enum Knowledge<Answer: Sendable>: Sendable {
    case known(Answer)
    /// The question was refused, and why; for a message, not a failure.
    case unknown(RegistryError)
}

extension Repository {
    /// Asks a question whose refusal is no failure: `try await target.asking { try await $0.tags() }`.
    ///
    /// - Throws: what is no refusal: that there is no connection, a rate limit, an answer that makes no sense,
    ///   `CancellationError`.
    package func asking<Answer: Sendable>(
        _ question: (Repository) async throws -> Answer
    ) async throws -> Knowledge<Answer> {
        do {
            return .known(try await question(self))
        } catch let error as RegistryError where error.isRefusalToTell {
            return .unknown(error)
        }
    }
}

extension RegistryError {
    /// Whether a registry that may well take a push refuses to answer a question.
    package var isRefusalToTell: Bool {
        guard let status else { return false }
        return [400, 401, 403, 405, 406, 410, 412, 415].contains(status) || (500...599).contains(status)
    }
}

/// What asking a registry came to where its refusal is an answer too.
///
/// Push-only credentials, and registries that hide what they hold, refuse questions about a target that can be pushed
/// to all the same: then nothing is known, and copying is right.
package enum Knowledge<Answer: Sendable>: Sendable {
    case known(Answer)
    /// The question was refused, and why; for a message, not a failure.
    case unknown(RegistryError)
}

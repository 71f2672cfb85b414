/// What asking a registry came to where its refusal is an answer too.
///
/// Push-only credentials, and registries that hide what they hold, refuse questions about a target that can be pushed
/// to all the same: then nothing is known, and copying is right.
package enum Knowledge<Answer: Sendable>: Sendable {
    case known(Answer)
    /// The question was refused, and why; for a message, not a failure.
    case unknown(RegistryError)
}

extension RegistryError {
    /// Whether a registry that may well take a push refuses to answer a question, or answers with no sense in it.
    package var isRefusalToTell: Bool {
        switch kind {
        case .protocolViolation, .tooLarge: return true
        case .timeout where action == .listTags: return true
        default: break
        }
        guard let status else { return false }
        return [400, 401, 403, 405, 406, 410, 412, 415].contains(status) || (500...599).contains(status)
    }
}

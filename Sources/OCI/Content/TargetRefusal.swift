/// Why a target did not take something, as far as a copy acts on it.
///
/// Whatever is no refusal, such as that there is no connection, answers no to all of it.
package protocol TargetRefusal: Error {
    /// The target lacks something that a manifest refers to, whatever it said of it before.
    var isMissingContent: Bool { get }
    /// What it says that it lacks, as far as it names that.
    var missingContent: Set<Digest> { get }
    /// A manifest was refused perhaps because the target does not know what it refers to, though it was just given that, or
    /// said that it has it.
    var isIgnoranceOfContent: Bool { get }
    /// A manifest was refused, and why is not sure: what was mounted for it may not be there, whatever was said of that.
    var isRefusalOfManifest: Bool { get }
    /// A manifest may have been refused because what it refers to as its subject is not there yet.
    var mayLackSubject: Bool { get }
    /// The target does not want to answer, or to take it, from us.
    var isDenial: Bool { get }
    /// A manifest was refused under a name, and the target does not tell either what it has there.
    var isUntold: Bool { get }
    /// A manifest may have been taken, as it is or in another form, and the target has not shown it since.
    var isUnconfirmed: Bool { get }

    /// The same, saying of which part of an image it is.
    func about(_ part: String) -> Self

    /// The same, saying more of what happened.
    func adding(_ detail: String) -> Self
}

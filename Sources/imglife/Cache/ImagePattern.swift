import ArgumentParser
import OCI

/// What picks images of the cache by their names: a name as people write it, or a glob over it.
///
/// A repository picks all of its tags. Docker Hub's names may be short, as for `docker pull`.
struct ImagePattern: ExpressibleByArgument {
    /// The one name that is meant; `nil` for a glob.
    let reference: ImageReference?
    let text: String

    /// - Throws: `ReferenceError` for what is neither a name nor a glob.
    init(_ text: String) throws(ReferenceError) {
        self.text = text
        reference = NameGlob.isMeant(by: text) ? nil : try ImageReference(text)
    }

    init?(argument: String) {
        try? self.init(argument)
    }

    func matches(_ name: ImageReference) -> Bool {
        guard let reference else { return NameGlob(text).matches(name) }
        guard reference.location == name.location else { return false }
        return reference.reference == nil || reference.reference == name.reference
    }
}

extension [ImagePattern] {
    /// Whether one of them picks the name; all names are picked where there is none.
    func pick(_ name: ImageReference) -> Bool { isEmpty || contains { $0.matches(name) } }
}

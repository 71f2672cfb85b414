import ArgumentParser
import Glibc
import OCI

/// What picks images of the cache by their names: a name as people write it, or a glob over it.
///
/// A repository picks all of its tags. Docker Hub's names may be short, as for `docker pull`.
struct ImagePattern: ExpressibleByArgument {
    private static let special: Set<Character> = ["*", "?", "["]

    /// The one name that is meant; `nil` for a glob.
    let reference: ImageReference?
    let text: String

    /// - Throws: `ReferenceError` for what is neither a name nor a glob.
    init(_ text: String) throws(ReferenceError) {
        self.text = text
        reference = text.contains(where: Self.special.contains) ? nil : try ImageReference(text)
    }

    init?(argument: String) {
        try? self.init(argument)
    }

    func matches(_ name: ImageReference) -> Bool {
        guard let reference else {
            return Self.spellings(of: name).contains { fnmatch(text, $0, 0) == 0 }
        }
        guard reference.location == name.location else { return false }
        return reference.reference == nil || reference.reference == name.reference
    }

    /// The ways in which people write a name: with and without the tag, and Docker Hub's also without its host.
    private static func spellings(of name: ImageReference) -> [String] {
        let whole = [name.description, name.location.description]
        guard name.location.host == .dockerHub else { return whole }
        let withoutHost = whole.map { String($0.dropFirst("docker.io/".count)) }
        let short = withoutHost.filter { $0.hasPrefix("library/") }.map { String($0.dropFirst("library/".count)) }
        return whole + withoutHost + short
    }
}

extension [ImagePattern] {
    /// Whether one of them picks the name; all names are picked where there is none.
    func pick(_ name: ImageReference) -> Bool { isEmpty || contains { $0.matches(name) } }
}

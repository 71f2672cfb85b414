import Glibc
import OCI

/// Which of an archive's images are taken.
struct ImportSelection {
    /// With the names that are to be applied.
    private(set) var named: [ImportRoot] = []
    /// What has no name: referrers of the others, and images that nobody asked for.
    private(set) var unnamed: [ImportRoot] = []
    /// Names that no pattern matches.
    private(set) var skipped: [ImageReference] = []

    var wanted: [ImportRoot] { named + unnamed }
}

extension [ImportRoot] {
    /// Leaves out the names that none of the globs matches; without a glob none.
    ///
    /// - Throws: ``ArchiveRefusal`` when nothing is left.
    func matching(_ globs: [String]) throws(ArchiveRefusal) -> ImportSelection {
        let selection = ImportSelection(self, globs)
        guard selection.named.isEmpty else { return selection }
        let names = selection.skipped.prefix(5).map(\.description).joined(separator: ", ")
        throw ArchiveRefusal("none of its images matches --only; it holds \(names)")
    }
}

extension ImportSelection {
    fileprivate init(_ roots: [ImportRoot], _ globs: [String]) {
        for root in roots {
            var root = root
            let names = root.references
            root.references = names.filter { name in
                globs.isEmpty || globs.contains { fnmatch($0, name.description, 0) == 0 }
            }
            skipped += names.filter { !root.references.contains($0) }
            if !root.references.isEmpty {
                named.append(root)
            } else if names.isEmpty {
                unnamed.append(root)
            }
        }
        named.sort { $0.references[0].description < $1.references[0].description }
    }
}

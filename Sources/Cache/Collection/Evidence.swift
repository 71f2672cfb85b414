import OCI

/// What was put aside because it was damaged: for people, as nobody else reads it again.
///
/// Copies of indexes may tell of names that were lost. So it is blobs that go first where there is too much, and they
/// alone where their room is wanted; the newest copies stay also where a person wants it.
struct Evidence: Sendable {
    /// How many files are kept.
    static let limit = 32
    /// How many bytes of blobs are kept, the latest blob aside.
    static let byteLimit: Int64 = 1 << 30

    private let quarantine: Directory
    /// Is told of what cannot be removed.
    private let leftovers: Leftovers?

    init(_ directory: StoreDirectory, _ leftovers: Leftovers? = nil) {
        quarantine = directory.quarantine
        self.leftovers = leftovers
    }

    private struct File {
        let name: String
        /// When it was put aside: a blob was written long before.
        let time: Int64
        let size: Int64
        let isBlob: Bool
        /// What it was called before it was put aside.
        let origin: String

        /// Blobs first, and those of a kind by age.
        static func goesFirst(_ left: File, _ right: File) -> Bool {
            left.isBlob == right.isBlob ? (left.time, left.name) < (right.time, right.name) : left.isBlob
        }
    }

    /// Removes what is too much.
    func bound() throws(SystemError) {
        let files = try files()
        let latest = files.last(where: \.isBlob)?.name
        let others = files.filter { $0.isBlob && $0.name != latest }
        var (count, bytes) = (files.count, others.reduce(0) { $0 + $1.size })
        for file in files where count > Self.limit || file.isBlob && bytes > Self.byteLimit {
            guard file.name != latest, remove(file) else { continue }
            count -= 1
            if file.isBlob { bytes -= file.size }
        }
    }

    /// Removes the blobs, and with `oldCopies` of each index, journal and list of images all copies but the newest; safe
    /// to repeat.
    ///
    /// - Returns: how much that is.
    /// - Throws: ``CacheError``.
    func remove(oldCopies: Bool = false, isDryRun: Bool = false) throws(CacheError) -> CollectionTally {
        let files: [File]
        do throws(SystemError) {
            files = try self.files()
        } catch {
            throw CacheError(error, "list", path: quarantine.path)
        }
        var removed = CollectionTally()
        let newest = Dictionary(files.map { ($0.origin, $0.name) }) { $1 }
        for file in files where file.isBlob || oldCopies && newest[file.origin] != file.name {
            if isDryRun || remove(file) { removed.count(file.size) }
        }
        return removed
    }

    /// - Returns: whether it is gone; one that cannot be removed does not keep the others.
    private func remove(_ file: File) -> Bool {
        do throws(SystemError) {
            try quarantine.remove(file.name)
            return true
        } catch {
            leftovers?.note(CacheError(error, "remove", path: "\(quarantine.path)/\(file.name)"))
            return false
        }
    }

    /// What of it goes first, first; a directory can be put aside too, and stays.
    private func files() throws(SystemError) -> [File] {
        var files: [File] = []
        for name in try quarantine.names() {
            guard let status = try quarantine.status(name), !status.isDirectory else { continue }
            let pieces = name.split(separator: ".")
            let stamp = pieces.last.flatMap { Int64($0) }
            let isBlob = Digest.Algorithm.allCases.contains { name.hasPrefix("\($0.rawValue)-") }
            files.append(
                File(
                    name: name,
                    time: stamp ?? status.modifiedAt,
                    size: status.size,
                    isBlob: isBlob,
                    origin: stamp == nil ? name : pieces.dropLast().joined(separator: ".")
                )
            )
        }
        return files.sorted(by: File.goesFirst)
    }
}

import OCI

/// What was put aside because it was damaged: for people, as nobody else reads it again.
///
/// Copies of indexes may tell of names that were lost. So it is blobs that go first where there is too much, and they
/// alone where their room is wanted.
struct Evidence: Sendable {
    /// How many files are kept.
    static let limit = 32
    /// How many bytes of blobs are kept, the latest blob aside.
    static let byteLimit: Int64 = 1 << 30

    let store: Store

    private struct File {
        let name: String
        /// When it was put aside: a blob was written long before.
        let time: Int64
        let size: Int64
        let isBlob: Bool

        /// Blobs first, and those of a kind by age.
        static func goesFirst(_ left: File, _ right: File) -> Bool {
            left.isBlob == right.isBlob ? (left.time, left.name) < (right.time, right.name) : left.isBlob
        }
    }

    private var quarantine: Directory { store.directory.quarantine }

    /// Removes what is too much.
    func bound() throws(SystemError) {
        let files = try files()
        let latest = files.last(where: \.isBlob)?.name
        var (count, bytes) = (files.count, files.filter(\.isBlob).reduce(0) { $0 + $1.size })
        for file in files where count > Self.limit || file.isBlob && bytes > Self.byteLimit {
            guard file.name != latest else { continue }
            try quarantine.remove(file.name)
            count -= 1
            if file.isBlob { bytes -= file.size }
        }
    }

    /// Removes the blobs; safe to repeat.
    ///
    /// - Returns: how much that is.
    /// - Throws: ``CacheError``.
    func removeBlobs(isDryRun: Bool = false) throws(CacheError) -> CollectionTally {
        do throws(SystemError) {
            var removed = CollectionTally()
            for file in try files() where file.isBlob {
                if !isDryRun { try quarantine.remove(file.name) }
                removed.count(file.size)
            }
            return removed
        } catch {
            throw CacheError(error, "tidy", path: quarantine.path)
        }
    }

    /// What of it goes first, first; a directory can be put aside too, and stays.
    private func files() throws(SystemError) -> [File] {
        var files: [File] = []
        for name in try quarantine.names() {
            guard let status = try quarantine.status(name), !status.isDirectory else { continue }
            let time = name.split(separator: ".").last.flatMap { Int64($0) } ?? status.modifiedAt
            let isBlob = Digest.Algorithm.allCases.contains { name.hasPrefix("\($0.rawValue)-") }
            files.append(File(name: name, time: time, size: status.size, isBlob: isBlob))
        }
        return files.sorted(by: File.goesFirst)
    }
}

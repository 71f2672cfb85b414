import Cache
import OCI

/// What an import remembers of each blob, in some 50 bytes: an archive may have hundreds of thousands.
final class ImportLedger {
    /// What is known of a blob.
    struct Marks: OptionSet {
        let rawValue: UInt16

        /// It was in the archive, whole.
        static let passed = Marks(rawValue: 1 << 0)
        /// It is verified and waits in `ingest/`.
        static let staged = Marks(rawValue: 1 << 1)
        /// What waits was there before this import.
        static let takenOver = Marks(rawValue: 1 << 2)
        /// It is in the cache and held there until the cache's scope ends.
        static let present = Marks(rawValue: 1 << 3)
        /// The cache was asked for it, whatever it answered.
        static let asked = Marks(rawValue: 1 << 4)
        /// Room has been found for it.
        static let hasRoom = Marks(rawValue: 1 << 5)
        /// An image that is taken consists of it.
        static let needed = Marks(rawValue: 1 << 6)
        /// It has been made visible, or was so before.
        static let published = Marks(rawValue: 1 << 7)
        /// It could be a manifest or config.
        static let text = Marks(rawValue: 1 << 8)
        /// The cache keeps it until the cache's scope ends, once it is there.
        static let leased = Marks(rawValue: 1 << 9)
    }

    /// Among those that the archive's document lists, or among the others.
    private enum Place {
        case listed(Int)
        case other(Int)
    }

    /// One value a blob, beside the blobs.
    private struct Column<Value> {
        var listed = ChunkedArray<Value>()
        var others = ChunkedArray<Value>()

        subscript(place: Place) -> Value {
            get {
                switch place {
                case .listed(let position): listed[position]
                case .other(let position): others[position]
                }
            }
            set {
                switch place {
                case .listed(let position): listed[position] = newValue
                case .other(let position): others[position] = newValue
                }
            }
        }
    }

    private var listed = BlobList()
    private var others = BlobTable()
    private var marks = Column<Marks>()
    private var compressions = Column<UInt8>()
    /// By which a file of `ingest/` is known again.
    private var versions = Column<UInt64>()
    /// The names of files that are not named after their digests.
    private var ownNames: [Digest: String] = [:]

    private func place(of digest: Digest) -> Place? {
        listed.position(of: digest).map(Place.listed) ?? others.position(of: digest).map(Place.other)
    }

    private func newPlace(_ digest: Digest, _ size: Int64) -> Place {
        if let place = place(of: digest) { return place }
        let (position, _) = others.insert(.init(digest: digest, size: size))
        marks.others.append([])
        compressions.others.append(0)
        versions.others.append(0)
        return .other(position)
    }

    private func blob(at place: Place) -> ArchiveDocument.Blob {
        switch place {
        case .listed(let position): listed[position]
        case .other(let position): others.list[position]
        }
    }

    /// Takes the blobs that the archive's document lists; what has passed already is moved among them.
    func take(listed list: BlobList) {
        listed = list
        marks.listed = ChunkedArray(repeating: [], count: list.count)
        compressions.listed = ChunkedArray(repeating: 0, count: list.count)
        versions.listed = ChunkedArray(repeating: 0, count: list.count)
        for (position, blob) in others.list.enumerated() {
            guard let place = list.position(of: blob.digest), list.size(at: place) == blob.size else { continue }
            marks.listed[place] = marks.others[position]
            compressions.listed[place] = compressions.others[position]
            versions.listed[place] = versions.others[position]
            marks.others[position] = []
        }
    }

    /// The size that the archive's document gives to a blob, if it does.
    func listedSize(of digest: Digest) -> Int64? { listed.position(of: digest).map(listed.size) }

    func has(_ mark: Marks, _ digest: Digest) -> Bool { place(of: digest).map { marks[$0].contains(mark) } ?? false }

    /// - Returns: whether it had not been so.
    @discardableResult
    func mark(_ mark: Marks, _ digest: Digest, size: Int64) -> Bool {
        let place = newPlace(digest, size)
        return marks[place].insert(mark).inserted
    }

    func unmark(_ mark: Marks, _ digest: Digest) {
        if let place = place(of: digest) { marks[place].remove(mark) }
    }

    /// The first blob that has passed and that no document lists.
    var unlisted: Digest? {
        others.list.indices.filter { marks.others[$0].contains(.passed) }.map(others.list.digest).min()
    }

    /// The first blob that the document lists and that has not passed.
    var lacking: Digest? { marks.listed.firstIndex { !$0.contains(.passed) }.map(listed.digest) }
}

// What has been in the archive.
extension ImportLedger {
    /// Takes what a member turned out to be.
    ///
    /// - Returns: where it is found again; nothing for one that a document lists.
    @discardableResult
    func note(_ file: DockerImages.File, _ mark: Marks = []) -> Int? {
        let place = newPlace(file.digest, file.size)
        marks[place].formUnion(file.isText ? mark.union(.text) : mark)
        let code = file.compression.flatMap { Compression.allCases.firstIndex(of: $0) }
        compressions[place] = code.map { UInt8($0 + 1) } ?? 0
        guard case .other(let position) = place else { return nil }
        others.setSize(file.size, at: position)
        return position
    }

    /// A member by its digest.
    func passed(_ digest: Digest) -> DockerImages.File? {
        place(of: digest).flatMap { marks[$0].contains(.passed) ? file(at: $0) : nil }
    }

    func file(at position: Int) -> DockerImages.File { file(at: .other(position)) }

    private func file(at place: Place) -> DockerImages.File {
        let (blob, code) = (blob(at: place), Int(compressions[place]))
        return DockerImages.File(
            digest: blob.digest,
            size: blob.size,
            compression: code == 0 ? nil : Compression.allCases[code - 1],
            isText: marks[place].contains(.text)
        )
    }

    /// Blobs that could be manifests, that no document lists, and of which no image consists.
    func texts(atMost size: Int) -> some Sequence<Digest> {
        others.list.indices.lazy.filter { [marks, others] position in
            marks.others[position].isSuperset(of: [.passed, .text]) && !marks.others[position].contains(.needed)
                && others.list.size(at: position) <= size
        }.map { [others] in others.list.digest(at: $0) }
    }
}

// What waits to be committed.
extension ImportLedger {
    func stage(_ file: StagedFile, isTakenOver: Bool) {
        let place = newPlace(file.digest, file.size)
        marks[place].insert(.staged)
        if isTakenOver { marks[place].insert(.takenOver) } else { marks[place].remove(.takenOver) }
        versions[place] = file.version
        ownNames[file.digest] = file.ownName
        if case .other(let position) = place { others.setSize(file.size, at: position) }
    }

    func staged(_ digest: Digest) -> StagedFile? {
        place(of: digest).flatMap { marks[$0].contains(.staged) ? staged(at: $0) : nil }
    }

    private func staged(at place: Place) -> StagedFile {
        let blob = blob(at: place)
        let ownName = ownNames[blob.digest]
        return StagedFile(digest: blob.digest, size: blob.size, ownName: ownName, version: versions[place])
    }

    /// Notes that a file has become a blob.
    func committed(_ file: StagedFile) {
        let place = newPlace(file.digest, file.size)
        marks[place].subtract([.staged, .takenOver])
        marks[place].insert(.present)
        ownNames[file.digest] = nil
    }

    /// Gives all that wait and have some more marks, so many at a time at most; what a document lists in order.
    func forEachStaged(
        _ wanted: Marks,
        atMost count: Int,
        _ body: ([StagedFile]) async throws -> Void
    ) async rethrows {
        var found: [StagedFile] = []
        for place in places where marks[place].isSuperset(of: wanted.union(.staged)) {
            found.append(staged(at: place))
            guard found.count >= count else { continue }
            try await body(found)
            found = []
        }
        if !found.isEmpty { try await body(found) }
    }

    private var places: some Sequence<Place> {
        [listed.indices.lazy.map(Place.listed), others.list.indices.lazy.map(Place.other)].lazy.joined()
    }

    /// Forgets all that wait, after telling which of them this import wrote.
    func discardStaged(_ body: (StagedFile) -> Void) {
        for place in places where marks[place].contains(.staged) {
            if !marks[place].contains(.takenOver) { body(staged(at: place)) }
            marks[place].subtract([.staged, .takenOver])
        }
    }
}

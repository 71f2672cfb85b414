import Cache
import Glibc
import NIOCore
import OCI

/// The files of a directory that holds an OCI image layout or an unpacked `docker save`, as far as its lists lead to them.
///
/// Symbolic links inside it are not followed; those of a `docker save` are told, as a tar archive tells them.
final class DirectoryMembers: ArchiveMembers {
    private static let step = 1 << 20

    let layout: LayoutDirectory
    private let onBytes: (Int) -> Void
    /// Those that come next, the last one first.
    private var names: [String]
    /// What leads to further ones.
    private var docker: DockerNames?
    private var blobs = BlobList()
    /// How many of them have been delivered.
    private var delivered = 0
    private var file: OpenFile?
    private var offset: Int64 = 0
    private var size: Int64 = 0

    let remaining: Int64? = nil

    /// - Throws: ``ArchiveRefusal`` for a directory that holds no images, or in a form that is not read;
    ///   ``SystemError``.
    init(path: String, onBytes: @escaping (Int) -> Void) throws {
        layout = LayoutDirectory(directory: try Directory(path: path))
        self.onBytes = onBytes
        try layout.checkKind()
        let isLayout = try layout.directory.status("index.json") != nil
        names = isLayout ? ["index.json", "manifest.json", "imglife.json", "oci-layout"] : ["manifest.json"]
    }

    func expect(_ count: Int) {}

    /// Says which blobs to deliver after the files at the top; those that are not there are left out.
    func deliver(_ list: BlobList) {
        blobs = list.sorted()
    }

    /// Says what imglife itself has written, and lists.
    func deliver(_ document: ArchiveDocument) {
        deliver(document.blobs)
        names.insert(contentsOf: document.parts.map { "\($0.name)" }, at: 0)
    }

    /// Says that the members of a `docker save` are to be delivered that its list names.
    ///
    /// - Parameters:
    ///   - listing: that list.
    ///   - isKnown: whether a member of some name has been delivered.
    /// - Throws: ``ArchiveRefusal`` for what is no such list, ``SystemError``.
    func deliver(_ listing: DockerListing, unless isKnown: @escaping (String) -> Bool) throws {
        // Beside an index a file of that name may be anybody's.
        guard try listing.isList || layout.directory.status("index.json") == nil else { return }
        docker = try DockerNames(listing, isKnown: isKnown)
    }

    /// Whether it is also a `docker save`, which may know more names than the index.
    var hasListing: Bool { docker != nil }

    func next() async throws -> TarParser.Event? {
        try Task.checkCancellation()
        if let file {
            guard offset < size else {
                self.file = nil
                return .endOfFile
            }
            let bytes = try file.read(at: offset, atMost: Int(min(Int64(Self.step), size - offset)))
            guard bytes.readableBytes > 0 else { throw ArchiveRefusal("one of its files became shorter meanwhile") }
            offset += Int64(bytes.readableBytes)
            onBytes(bytes.readableBytes)
            return .content(bytes)
        }
        while let name = try names.popLast() ?? docker?.next() {
            if let member = try named(name) { return member }
        }
        while delivered < blobs.count {
            let digest = blobs.digest(at: delivered)
            delivered += 1
            let name = "\(ArchiveEntryName.blob(digest))"
            guard docker?.isKnown(name) != true, let folder = try layout.folder(digest.algorithm) else { continue }
            if let member = try begin(digest.hex, name, in: folder) { return member }
        }
        return nil
    }

    /// A file at the top, or in a folder of it as `docker save` has them.
    private func named(_ name: String) throws -> TarParser.Event? {
        let pieces = name.split(separator: "/").map(String.init)
        guard let last = pieces.last else { return nil }
        var folder = layout.directory
        for piece in pieces.dropLast() {
            guard let next = try layout.existing(piece, in: folder) else { return nil }
            folder = next
        }
        if case .dockerFile? = try? ImportMember(TarMember(name: name, kind: .file, size: 0)),
            let target = layout.link(last, in: folder)
        {
            if let file = DockerName.resolve(target), docker?.isKnown(file) == false { names.append(file) }
            return .member(TarMember(name: name, kind: .symbolicLink(target: target), size: 0))
        }
        return try begin(last, name, in: folder)
    }

    private func begin(_ name: String, _ member: String, in folder: Directory) throws -> TarParser.Event? {
        do throws(SystemError) {
            let file = try folder.openFile(name, flags: O_RDONLY | O_NONBLOCK)
            let status = try file.status()
            guard status.isRegular else { throw SystemError(call: "open", code: ELOOP) }
            self.file = file
            (offset, size) = (0, status.size)
            return .member(TarMember(name: member, kind: .file, size: status.size))
        } catch {
            if error.code == ENOENT { return nil }
            if error.code == ELOOP { throw ArchiveRefusal(member, "is a symbolic link, or no file") }
            throw error
        }
    }
}

/// The names of the configs and layers that a `manifest.json` lists, as they are asked for: all of them would take too much.
private struct DockerNames {
    private let listing: DockerListing
    private let count: Int
    /// Whether one of that name has been delivered.
    let isKnown: (String) -> Bool
    /// The next image, and what is left of the names of the one before, the last one first.
    private var position = 0
    private var names: [String] = []

    init(_ listing: DockerListing, isKnown: @escaping (String) -> Bool) throws(ArchiveRefusal) {
        self.listing = listing
        self.isKnown = isKnown
        count = try listing.count()
    }

    /// - Throws: ``ArchiveRefusal`` for a name that no such member has.
    mutating func next() throws(ArchiveRefusal) -> String? {
        while true {
            while let name = names.popLast() {
                guard !isKnown(name) else { continue }
                switch try ImportMember(TarMember(name: name, kind: .file, size: 0)) {
                case .dockerFile, .blob: return name
                default:
                    throw ArchiveRefusal("manifest.json", "names '\(name.displaySafe)', which is no config or layer")
                }
            }
            guard position < count else { return nil }
            let item = try listing.item(at: position)
            names = ([item["Config"]] + (item["Layers"]?.elements ?? [])).compactMap { $0?.string }.reversed()
            position += 1
        }
    }
}

import Cache
import Glibc
import NIOCore
import OCI

/// Where the members of an archive come from, in order: a tar archive, or the files of a layout's directory.
protocol ArchiveMembers: AnyObject {
    /// The next event.
    ///
    /// - Returns: `nil` at the end of a complete archive.
    /// - Throws: ``ArchiveRefusal``, ``SystemError``, `CancellationError`.
    func next() async throws -> TarParser.Event?

    /// How many bytes are left to be read, members' headers included; `nil` where that cannot be known.
    var remaining: Int64? { get }
}

/// The members of a tar archive, compressed or not.
final class TarMembers: ArchiveMembers {
    private let input: ArchiveInput
    private let onBytes: (Int) -> Void
    private var parser = TarParser()
    private var isFinished = false

    init(_ file: OpenFile, onBytes: @escaping (Int) -> Void) throws(SystemError) {
        input = try ArchiveInput(file)
        self.onBytes = onBytes
    }

    var remaining: Int64? { input.remaining.map { $0 + Int64(parser.bufferedBytes) } }

    func next() async throws -> TarParser.Event? {
        while !isFinished {
            if let event = try parser.next() { return event }
            guard let bytes = try await input.next() else {
                try parser.finish()
                isFinished = true
                return nil
            }
            onBytes(bytes.readableBytes)
            parser.append(bytes)
        }
        return nil
    }
}

/// The files of a directory that holds an OCI image layout, as far as its index leads to them.
///
/// Symbolic links inside it are not followed.
final class LayoutMembers: ArchiveMembers {
    private static let step = 1 << 20

    private let directory: Directory
    private let onBytes: (Int) -> Void
    private var names: [String] = ["oci-layout", "imglife.json", "index.json"]
    private var blobs: [Digest] = []
    private var file: OpenFile?
    private var offset: Int64 = 0
    private var size: Int64 = 0

    let remaining: Int64? = nil

    init(path: String, onBytes: @escaping (Int) -> Void) throws(SystemError) {
        directory = try Directory(path: path)
        self.onBytes = onBytes
    }

    /// Says which blobs to deliver after the files at the top; those that are not there are left out.
    func deliver(_ digests: some Sequence<Digest>) {
        blobs = digests.sorted(by: >)
    }

    /// A manifest of the layout.
    ///
    /// - Returns: `nil` when it is not there.
    /// - Throws: `DocumentError`, ``SystemError``.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard descriptor.size <= Manifest.maximumSize, let folder = try folder(descriptor.digest.algorithm),
            let bytes = try folder.contents(descriptor.digest.hex, limit: Int64(Manifest.maximumSize))
        else { return nil }
        return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
    }

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
        while !names.isEmpty {
            let name = names.removeFirst()
            if let member = try begin(name, name, in: directory) { return member }
        }
        while let digest = blobs.popLast() {
            guard let folder = try folder(digest.algorithm) else { continue }
            let name = "\(ArchiveEntryName.blob(digest))"
            if let member = try begin(digest.hex, name, in: folder) { return member }
        }
        return nil
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

    private func folder(_ algorithm: Digest.Algorithm) throws -> Directory? {
        do throws(SystemError) {
            let blobs = try directory.existing("blobs")
            return try blobs.existing(algorithm.rawValue)
        } catch {
            if error.code == ENOENT { return nil }
            if error.code == ELOOP || error.code == ENOTDIR {
                throw ArchiveRefusal("blobs", "is a symbolic link, or no directory")
            }
            throw error
        }
    }
}

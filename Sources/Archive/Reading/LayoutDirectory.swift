import Cache
import Glibc
import NIOCore
import OCI

/// A directory that holds images: what kind it is of, its manifests, and what in it refers to others.
struct LayoutDirectory {
    /// How many files of `blobs/` are looked into for what no list names.
    private static let maximumLooks = 100_000

    let directory: Directory

    /// - Throws: ``ArchiveRefusal`` for what holds no images that are read here; ``SystemError``.
    func checkKind() throws {
        guard try directory.status("index.json") == nil else { return }
        if try isTransportDirectory(directory) {
            throw ArchiveRefusal(
                "it is a directory as 'skopeo copy … dir:' writes it, which has no names; copy it with 'skopeo copy "
                    + "--all dir:DIRECTORY oci-archive:FILE.tar:NAME:TAG' and import that"
            )
        }
        guard try directory.status("manifest.json") == nil else { return }
        if try holdsTransportDirectories(directory, depth: 4) {
            throw ArchiveRefusal(
                "it is what 'skopeo sync --dest dir' writes, a directory an image; copy each with 'skopeo copy "
                    + "--all dir:DIRECTORY oci-archive:FILE.tar:NAME:TAG' and import that, or serve them to 'imglife sync'"
            )
        }
        throw ArchiveRefusal("it is a directory without an index.json or manifest.json, and holds no archives")
    }

    private func isTransportDirectory(_ directory: Directory) throws(SystemError) -> Bool {
        guard let text = try directory.contents("version", limit: 4096) else { return false }
        return String(buffer: text).hasPrefix("Directory Transport Version")
    }

    private func holdsTransportDirectories(_ directory: Directory, depth: Int) throws(SystemError) -> Bool {
        guard depth > 0 else { return false }
        for name in try directory.names().prefix(100) where try directory.status(name)?.isDirectory == true {
            let folder = try directory.existing(name)
            if try isTransportDirectory(folder) { return true }
            if try holdsTransportDirectories(folder, depth: depth - 1) { return true }
        }
        return false
    }

    /// A manifest of the layout.
    ///
    /// - Returns: `nil` when it is not there.
    /// - Throws: `DocumentError`, ``ArchiveRefusal``, ``SystemError``.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard descriptor.size <= Manifest.maximumSize, let folder = try folder(descriptor.digest.algorithm),
            let bytes = try folder.contents(descriptor.digest.hex, limit: Int64(Manifest.maximumSize))
        else { return nil }
        return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
    }

    /// Manifests in `blobs/` that refer to others and that nothing lists: oras, among others, leaves them there.
    ///
    /// - Parameter isKnown: whether something else leads to a digest.
    /// - Returns: whatever they belong to.
    /// - Throws: ``ArchiveRefusal``, ``SystemError``.
    func unlisted(_ isKnown: (Digest) -> Bool) throws -> [UnlistedReferrer] {
        var found: [UnlistedReferrer] = []
        var looks = 0
        for algorithm in Digest.Algorithm.allCases {
            guard let folder = try folder(algorithm) else { continue }
            for name in try folder.names().sorted() {
                guard let digest = try? Digest("\(algorithm.rawValue):\(name)"), !isKnown(digest),
                    let status = try folder.status(name), status.isRegular, status.size <= Manifest.maximumSize,
                    looks < Self.maximumLooks
                else { continue }
                looks += 1
                guard let bytes = try folder.contents(name, limit: Int64(Manifest.maximumSize)) else { continue }
                if let referrer = UnlistedReferrer(bytes, digest) { found.append(referrer) }
            }
        }
        return found
    }

    /// A folder of blobs.
    func folder(_ algorithm: Digest.Algorithm) throws -> Directory? {
        guard let blobs = try existing("blobs", in: directory) else { return nil }
        return try existing(algorithm.rawValue, in: blobs)
    }

    /// - Returns: `nil` when it is not there.
    func existing(_ name: String, in directory: Directory) throws -> Directory? {
        do throws(SystemError) {
            return try directory.existing(name)
        } catch {
            if error.code == ENOENT { return nil }
            if error.code == ELOOP || error.code == ENOTDIR {
                throw ArchiveRefusal(name, "is a symbolic link, or no directory")
            }
            throw error
        }
    }

    /// Where a symbolic link leads to; `nil` for what is none.
    func link(_ name: String, in directory: Directory) -> String? {
        var text = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(directory.file.descriptor, name, &text, text.count)
        return count > 0 ? String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
}

/// A manifest that says what it refers to, and that no list of its layout names.
struct UnlistedReferrer {
    let descriptor: Descriptor
    let subject: Digest

    /// - Returns: `nil` for what is no such manifest.
    init?(_ bytes: ByteBuffer, _ digest: Digest) {
        guard bytes.readableBytesView.first == UInt8(ascii: "{"),
            let manifest = try? Manifest(bytes: bytes, contentType: nil, algorithm: digest.algorithm),
            manifest.descriptor.digest == digest, let subject = manifest.subject?.digest
        else { return nil }
        descriptor = manifest.descriptor
        self.subject = subject
    }
}

extension [UnlistedReferrer] {
    /// Those that belong to something known, or to one another of these.
    func belonging(to isKnown: (Digest) -> Bool) -> [UnlistedReferrer] {
        divided(bySubject: { $0.subject }, isKnown: isKnown, taking: { [$0.descriptor.digest] }).taken
    }
}

extension Array {
    /// Divides manifests that may refer to others by whether they are taken.
    ///
    /// - Parameters:
    ///   - subject: what one refers to.
    ///   - isKnown: asked of each subject before any is taken.
    ///   - take: gives the manifests in one that is taken, its own included.
    /// - Returns: those that belong to something known, or to what is in one another of these, each after what it refers to;
    ///   and the others.
    func divided(
        bySubject subject: (Element) -> Digest?,
        isKnown: (Digest) -> Bool,
        taking take: (Element) throws -> [Digest]
    ) rethrows -> (taken: [Element], left: [Element]) {
        var taken: [Int] = []
        var waiting: [Digest: [Int]] = [:]
        for (position, element) in enumerated() {
            guard let subject = subject(element) else { continue }
            if isKnown(subject) { taken.append(position) } else { waiting[subject, default: []].append(position) }
        }
        var next = 0
        while next < taken.count {
            for digest in try take(self[taken[next]]) { taken += waiting.removeValue(forKey: digest) ?? [] }
            next += 1
        }
        let isTaken = Set(taken)
        return (taken.map { self[$0] }, indices.filter { !isTaken.contains($0) }.map { self[$0] })
    }
}

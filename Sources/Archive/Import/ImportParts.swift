import Cache
import Glibc
import NIOCore
import OCI

/// Blobs that come in parts.
///
/// Each part is written where it belongs in one file of `ingest/`, so that a blob never takes its size twice. A small file
/// beside it, the part's mark, says that the part is there, whole and durable.
///
/// Several processes may bring parts at once. Who writes into the blob's file or reads it shares its lock; who joins the parts
/// or removes the file has it alone. Who writes a part has its mark alone, and shares it when the part is there: as long as
/// anybody's import relies on a part nobody takes it back.
final class ImportParts {
    private let staging: Staging
    /// Those of another set may be cut elsewhere.
    private let set: Digest?
    /// What this import has brought, or found and relies on, until its end.
    private var claims: [Claim] = []

    private struct Claim {
        let part: ArchiveDocument.Part
        /// Locked.
        let mark: Ingest
        let isOurs: Bool
    }

    /// So many marks are kept open at most; a volume has two parts.
    private static let claimLimit = 64

    /// For parts of one set of volumes, or of none.
    init(_ cache: ContentCache, of set: Digest?) {
        staging = cache.staging
        self.set = set
    }

    /// Begins a part.
    ///
    /// - Returns: `nil` when it is here already, from an earlier import; it has been hashed again.
    /// - Throws: ``CacheError`` (`locked`) when another process is bringing the same part, or joins the parts of the blob, for
    ///   longer than locks are waited for.
    func writer(for part: ArchiveDocument.Part) async throws -> PartWriter? {
        // Who finds it there relies on it beside others.
        guard let shared = try await unclaimed(part, .shared) else { return nil }
        shared.file.unlock()
        guard let mark = try await unclaimed(part, .exclusive) else { return nil }
        do {
            let whole = try await staging.acquire(wholeName(part.blob.digest), .shared, of: part.blob.digest)
            do throws(SystemError) {
                try mark.file.truncate(to: 0)
                try whole.file.setMode(0o600)
            } catch {
                whole.file.unlock()
                throw error
            }
            claim(part, mark, isOurs: true)
            return PartWriter(part, whole, mark: mark)
        } catch {
            mark.giveBack()
            throw error
        }
    }

    /// Takes a part's mark, and relies on the part where it is there.
    ///
    /// - Returns: the mark, locked, where the part is not there.
    private func unclaimed(_ part: ArchiveDocument.Part, _ mode: LockMode) async throws -> Ingest? {
        let mark = try await staging.acquire(markName(part), mode, of: part.blob.digest)
        do {
            guard try isMarked(part), try await isWritten(part) else { return mark }
            claim(part, mark, isOurs: false)
            return nil
        } catch {
            mark.file.unlock()
            throw error
        }
    }

    private func isWritten(_ part: ArchiveDocument.Part) async throws -> Bool {
        let whole = try await staging.acquire(wholeName(part.blob.digest), .shared, of: part.blob.digest)
        defer { whole.file.unlock() }
        return try await Self.digest(of: part, in: whole.file) == part.digest
    }

    private func claim(_ part: ArchiveDocument.Part, _ mark: Ingest, isOurs: Bool) {
        claims.append(Claim(part: part, mark: mark, isOurs: isOurs))
        if !isOurs { PartWriter.share(mark) }
        guard claims.count > Self.claimLimit else { return }
        claims.removeFirst().mark.file.unlock()
    }

    private static func digest(of part: ArchiveDocument.Part, in file: OpenFile) async throws -> Digest {
        try await blocking(on: .hashing) {
            var hasher = DigestHasher(part.digest.algorithm)
            var done: Int64 = 0
            while done < part.length {
                let bytes = try file.read(at: part.offset + done, atMost: Int(min(1 << 20, part.length - done)))
                guard bytes.readableBytes > 0 else { break }
                hasher.update(bytes)
                done += Int64(bytes.readableBytes)
            }
            return hasher.finalize()
        }
    }

    /// Whether a part has been written to its end.
    func isMarked(_ part: ArchiveDocument.Part) throws(SystemError) -> Bool {
        try mark(markName(part)) == PartMark(part)
    }

    private func mark(_ name: String) throws(SystemError) -> PartMark? {
        guard let text = try staging.directory.contents(name, limit: 4096) else { return nil }
        return PartMark(text)
    }

    /// Takes back what this import has brought, unless another relies on it; ends the work on parts.
    func discard() {
        for claim in claims where claim.isOurs { try? takeBack(claim) }
        release()
    }

    /// Ends the work on parts; what has come stays.
    func release() {
        // Others may share the lock of what was found here, or has come.
        for claim in claims { if claim.isOurs { claim.mark.giveBack() } else { claim.mark.file.unlock() } }
        claims = []
    }

    /// Takes a part back, and the file when it was the only one in it.
    private func takeBack(_ claim: Claim) throws(SystemError) {
        guard try claim.mark.file.tryLock(.exclusive), claim.mark.isHere else { return }
        let directory = staging.directory
        try directory.remove(claim.mark.name)
        let (prefix, whole) = (prefix(claim.part.blob.digest), wholeName(claim.part.blob.digest))
        guard try !directory.names().contains(where: { $0.hasPrefix(prefix) && $0 != whole }) else { return }
        staging.removeUnused([whole])
    }

    /// Takes the blob that parts make up, by the marks of all of them.
    ///
    /// - Returns: a file that can be committed.
    /// - Throws: ``ArchiveRefusal`` when they do not make the blob; they are removed then, and all volumes are awaited.
    ///   ``CacheError`` (`locked`) when another process writes into the file for longer than locks are waited for.
    func join(_ blob: ArchiveDocument.Blob, _ marks: [String]) async throws -> StagedFile {
        let whole = try await staging.acquire(wholeName(blob.digest), of: blob.digest)
        defer { whole.file.unlock() }
        if let descriptor = Descriptor(mediaType: .octetStream, digest: blob.digest, size: blob.size),
            let file = try await staging.takeOver(whole, as: descriptor)
        {
            return file
        }
        for name in marks + [whole.name] { try? staging.directory.remove(name) }
        if let set { try await staging.restart(importSet: set) }
        throw ArchiveRefusal("the parts of \(blob.digest) do not make it; import all volumes again")
    }

    /// The names of the marks of a blob's parts, to be removed once the blob is committed.
    ///
    /// - Returns: in order; `nil` unless together the parts make up the blob.
    func marks(of blob: ArchiveDocument.Blob) throws(SystemError) -> [String]? {
        var names: [String] = []
        var length: Int64 = 0
        while length < blob.size {
            let name = prefix(blob.digest) + "\(names.count)"
            guard let mark = try mark(name), mark.offset == length, mark.length > 0 else { return nil }
            names.append(name)
            length += mark.length
        }
        return length == blob.size ? names : nil
    }

    /// The names of what is left of parts of blobs that are here: an import can have failed after it had joined them.
    func leftovers(of blobs: [Digest]) throws(SystemError) -> [String] {
        guard !blobs.isEmpty else { return [] }
        let prefixes = blobs.map(prefix)
        return try staging.directory.names().filter { name in prefixes.contains { name.hasPrefix($0) } }
    }

    private func prefix(_ blob: Digest) -> String {
        "\(StagedFile.partPrefix(of: set))\(StagedFile.name(of: blob))-"
    }

    private func wholeName(_ blob: Digest) -> String { prefix(blob) + StagedFile.wholeSuffix }

    private func markName(_ part: ArchiveDocument.Part) -> String { prefix(part.blob.digest) + "\(part.index)" }
}

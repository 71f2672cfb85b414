package import NIOCore
import OCI

/// Writes one blob of an archive into `ingest/`, hashing on the way.
///
/// Under the name of its digest where that is known and free, so that a download or import that is interrupted can be
/// continued; else under a random one.
package struct StageWriter {
    private let ingest: Ingest
    private var appender: Ingest.Appender
    /// Its first bytes, which tell how a layer is compressed.
    package private(set) var head: [UInt8] = []

    package var name: String { ingest.name }

    /// Takes a name in `ingest/`, the wanted one unless another process has it, and reserves the room.
    init(wanted: String?, algorithm: Digest.Algorithm, size: Int64, in store: Store) throws(SystemError) {
        if let wanted, let ingest = try Self.take(wanted, in: store) {
            self.ingest = ingest
        } else {
            ingest = try Ingest.anonymous(Ingest.stagedPrefix, in: store)
        }
        appender = ingest.appender(DigestHasher(algorithm))
        do throws(SystemError) {
            try ingest.file.setMode(0o600)
            try ingest.file.truncate(to: 0)
            try ingest.file.reserve(size)
        } catch {
            ingest.discard()
            throw error
        }
    }

    /// - Returns: `nil` when another process has the file, or has ended it.
    private static func take(_ name: String, in store: Store) throws(SystemError) -> Ingest? {
        guard let ingest = try Ingest.acquireIfFree(name, in: store) else { return nil }
        do throws(SystemError) {
            let status = try ingest.file.status()
            guard status.size == 0 || !Ingest.isStaged(status, name) else {
                ingest.file.unlock()
                return nil
            }
            return ingest
        } catch {
            ingest.file.unlock()
            throw error
        }
    }

    package mutating func write(_ bytes: ByteBuffer) async throws {
        if head.count < 8 { head += bytes.readableBytesView.prefix(8 - head.count) }
        // Going to other threads takes longer than a small piece.
        if bytes.readableBytes < 256 << 10 {
            try appender.append(bytes)
        } else {
            try await appender.appendLarge(bytes)
        }
    }

    /// Ends the file, and frees its lock.
    package func finish() throws(SystemError) -> StagedFile {
        defer { ingest.file.unlock() }
        try ingest.file.setMode(Ingest.stagedMode)
        let status = try ingest.file.status()
        return StagedFile(digest: appender.digest, size: appender.offset, name: name, status: status)
    }

    /// Ends the work on it before its end; what the next import can find again stays, if that is wanted.
    package func abandon(keepsPartial: Bool) {
        if keepsPartial { ingest.giveBack() } else { ingest.discard() }
    }
}

import NIOCore
import OCI
import Registry

/// One blob on its way from mirrors and the host behind them; each goes on where the one before stopped.
///
/// Small blobs are compared with their digest before any byte of them is delivered. Of larger ones the reader tells by
/// reading again from the beginning that they were wrong: then the host is asked first, and who sent them not at all.
struct MirroredReading {
    /// Up to this size a mirror's bytes are held until they are known to be right.
    static let verifiedSize: Int64 = 1 << 20

    private let descriptor: Descriptor
    private let scratch: (any ScratchSpace)?
    private let source: MirroredSource
    /// The next byte to deliver.
    private var offset: Int64

    init(descriptor: Descriptor, offset: Int64, ahead scratch: (any ScratchSpace)?, source: MirroredSource) {
        self.descriptor = descriptor
        self.offset = offset
        self.scratch = scratch
        self.source = source
    }

    mutating func run(_ deliver: (ByteBuffer) async throws -> Void) async throws {
        var refusal: (any Error)?
        let rejected = rejected()
        for origin in order(rejected) {
            guard isMirror(origin) else {
                do {
                    if let refusal = source.refusal { throw refusal }
                    return try await read(at: origin, deliver)
                } catch let failure as ReaderFailure {
                    throw failure.error
                } catch {
                    try Task.checkCancellation()
                    refusal = error
                    continue
                }
            }
            if try await source.health.asking(origin, duty: .blobs, { try await read(at: $0, deliver) }) != nil {
                return
            }
        }
        guard let refusal else { return }
        if source.mayStandIn(after: refusal) {
            for mirror in source.health.worthWaiting(source.mirrors) where !rejected.contains(mirror.location) {
                let health = source.health
                let isRead =
                    try await health.waiting(for: mirror, duty: .blobs) { try await read(at: $0, deliver) } != nil
                if isRead { return }
            }
        }
        throw refusal
    }

    private func isMirror(_ origin: Repository) -> Bool { origin.location != source.location }

    /// Who is not to be asked; what is compared with its digest first may come from anybody.
    private func rejected() -> Set<RepositoryReference> {
        guard !isVerified else { return [] }
        let health = source.health
        return offset == 0 ? health.begin(descriptor.digest) : health.senders.rejected(descriptor.digest)
    }

    private func order(_ rejected: Set<RepositoryReference>) -> [Repository] {
        let mirrors = source.health.reachable(source.mirrors)
        guard !rejected.isEmpty else { return mirrors + [source.host] }
        return [source.host] + mirrors.filter { !rejected.contains($0.location) }
    }

    private var isVerified: Bool { offset == 0 && descriptor.size <= Self.verifiedSize }

    private mutating func read(at origin: Repository, _ deliver: (ByteBuffer) async throws -> Void) async throws {
        if isMirror(origin), isVerified { return try await readVerified(at: origin, deliver) }
        var offset = offset
        var (isWanted, isWhole) = (true, false)
        defer {
            // Not before: who reads the same meanwhile has no reason to doubt it, nor has who comes after a reader that left.
            if isMirror(origin), isWanted, !Task.isCancelled, offset > self.offset {
                source.health.senders.sent(descriptor.digest, origin.location, toItsEnd: isWhole)
            }
            self.offset = offset
        }
        try await origin.readBlob(descriptor, from: offset, ahead: scratch) { piece in
            if isMirror(origin) { source.health.heard(origin.location) }
            do {
                try await deliver(piece)
            } catch {
                isWanted = false
                throw ReaderFailure(error)
            }
            offset += Int64(piece.readableBytes)
        }
        isWhole = true
    }

    private mutating func readVerified(
        at mirror: Repository,
        _ deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var bytes = ByteBuffer()
        try await mirror.readBlob(descriptor, from: 0) {
            source.health.heard(mirror.location)
            bytes.writeImmutableBuffer($0)
        }
        guard Digest.of(bytes, algorithm: descriptor.digest.algorithm) == descriptor.digest else {
            throw DocumentError(.digestMismatch, "\(mirror.place) sends other bytes than \(descriptor.digest)")
        }
        source.health.answered(mirror.location, .blobs)
        do {
            try await deliver(bytes)
        } catch {
            throw ReaderFailure(error)
        }
    }
}

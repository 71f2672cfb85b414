import Cache
import NIOCore
import OCI

/// What the compressed layers of a docker archive hold, by which its configs name them.
///
/// They are read where they wait, or where the cache has them; nothing of what they hold is kept.
final class UnpackedLayers {
    private static let step = 1 << 20

    private let stage: ImportStage
    /// What has been found right, as many images may have a layer: digests of its digest with that of what it holds.
    private var confirmed = BlobTable()

    init(_ stage: ImportStage) {
        self.stage = stage
    }

    /// The digest of what a layer holds, in the algorithm of the expected one; of one that is not compressed its own.
    ///
    /// - Throws: ``ArchiveRefusal`` for what cannot be decompressed within the bounds of ``Decompression``, or is not
    ///   here any more; ``CacheError``, ``SystemError``, `CancellationError`.
    func digest(of layer: DockerImages.File, _ name: String, expected: Digest) async throws -> Digest {
        guard let compression = layer.compression else { return layer.digest }
        let pair = Digest.of(ByteBuffer(string: "\(layer.digest) \(expected)"))
        guard confirmed.position(of: pair) == nil else { return expected }
        let unpacking = try await read(layer, into: Unpacking(compression, layer, expected.algorithm))
        if let refusal = unpacking.refusal {
            throw ArchiveRefusal(name, "cannot be compared with its image's config: \(refusal.reason)")
        }
        let held = unpacking.held.finalize()
        if held == expected { confirmed.insert(.init(digest: pair, size: 0)) }
        return held
    }

    private func read(_ layer: DockerImages.File, into unpacking: Unpacking) async throws -> Unpacking {
        var unpacking = unpacking
        var offset: Int64 = 0
        func take(_ bytes: ByteBuffer) async throws -> Bool {
            try Task.checkCancellation()
            offset += Int64(bytes.readableBytes)
            unpacking.take(bytes)
            await Task.yield()
            return bytes.readableBytes > 0
        }
        if let name = stage.ledger.staged(layer.digest)?.name,
            let file = try stage.cache.staging.directory.existingFile(name)
        {
            while try await take(try file.read(at: offset, atMost: Self.step)) {}
        } else if let file = try stage.cache.blobFile(layer.digest) {
            while try await take(try file.read(at: offset, atMost: Self.step)) {}
            if unpacking.packed.finalize() != layer.digest { stage.cache.quarantineIfFree(file) }
        }
        // Another process may have taken the file for its own import meanwhile.
        guard unpacking.packed.finalize() == layer.digest else { throw ImportExamination.removed(layer.digest) }
        unpacking.finish()
        return unpacking
    }
}

/// One layer on its way through: that it is what was found good is known at its end alone.
private struct Unpacking {
    /// An image may consist of zeros, and be packed as tightly as others unpack it; nothing of what comes is kept.
    private static let limits = Decompression.Limits(ratio: 1100, freely: 64 << 30, windowLog: 27)

    private let decompression: Decompression
    private(set) var packed: DigestHasher
    private(set) var held: DigestHasher
    /// Why it cannot be decompressed.
    private(set) var refusal: ArchiveRefusal?

    init(_ compression: Compression, _ layer: DockerImages.File, _ algorithm: Digest.Algorithm) throws(ArchiveRefusal) {
        decompression = try Decompression(compression, limits: Self.limits)
        packed = DigestHasher(layer.digest.algorithm)
        held = DigestHasher(algorithm)
    }

    mutating func take(_ bytes: ByteBuffer) {
        packed.update(bytes)
        guard refusal == nil else { return }
        decompression.append(bytes)
        do throws(ArchiveRefusal) {
            while let piece = try decompression.next() { held.update(piece) }
        } catch {
            refusal = error
        }
    }

    mutating func finish() {
        guard refusal == nil else { return }
        do throws(ArchiveRefusal) {
            try decompression.finish()
        } catch {
            refusal = error
        }
    }
}

import NIOCore
import OCI

/// One attempt to bring a partial to its full length from a source.
struct Transfer: Sendable {
    /// The bytes that came are not those that the descriptor names.
    struct Mismatch: Error {
        /// What came, for the message.
        let actual: String
    }

    /// From this size on, hashing and writing have tasks of their own.
    static let laneSize: Int64 = 1 << 20

    let descriptor: Descriptor
    let partial: Ingest
    let source: any ContentSource
    /// For what may arrive ahead of what is appended; `nil` where nothing may.
    let scratch: (any ScratchSpace)?
    let state: DownloadState
    let budget: LaneBudget
    let onDelivery: @Sendable (Int) -> Void

    /// Fetches from `offset` to the end; `hasher` has seen everything before it.
    ///
    /// - Throws: ``Mismatch``; what the source throws, as it is: then what has arrived stays in the file.
    func run(from offset: Int64, _ hasher: DigestHasher) async throws {
        let digest =
            if offset == descriptor.size {
                hasher.finalize()
            } else if descriptor.size - offset < Self.laneSize {
                try await inline(from: offset, hasher)
            } else {
                try await budget.withShare { try await onLanes(from: offset, hasher) }
            }
        guard digest == descriptor.digest else {
            throw Mismatch(actual: "\(digest) of \(descriptor.size) bytes")
        }
        source.wasRight(digest)
    }

    private func inline(from start: Int64, _ hasher: DigestHasher) async throws -> Digest {
        var appender = partial.appender(at: start, hasher)
        try await source.readBlob(descriptor, from: start) { buffer in
            try check(buffer, at: appender.offset)
            guard buffer.readableBytes > 0 else { return }
            try appender.append(buffer)
            state.advance(to: appender.offset)
        }
        try checkEnd(appender.offset)
        return appender.digest
    }

    private func onLanes(from start: Int64, _ hasher: DigestHasher) async throws -> Digest {
        let toHash = BoundedQueue(budget: budget)
        let toWrite = BoundedQueue(budget: budget)
        return try await withThrowingTaskGroup(of: Digest?.self) { group in
            group.addTask { await Self.hash(toHash, hasher) }
            group.addTask {
                try await write(toWrite, from: start)
                return nil
            }
            let delivery = await deliver(from: start, to: [toHash, toWrite])
            toHash.finish()
            toWrite.finish()
            var digest: Digest?
            while let result = try await group.next() { digest = result ?? digest }
            try delivery.get()
            guard let digest else { preconditionFailure("the hashing lane always gives a digest") }
            return digest
        }
    }

    private func deliver(from start: Int64, to queues: [BoundedQueue]) async -> Result<Void, any Error> {
        do {
            var offset = start
            try await source.readBlob(descriptor, from: start, ahead: scratch) { buffer in
                try check(buffer, at: offset)
                guard buffer.readableBytes > 0 else { return }
                for queue in queues { try await queue.send(buffer) }
                offset += Int64(buffer.readableBytes)
            }
            try checkEnd(offset)
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private static func hash(_ queue: BoundedQueue, _ initial: DigestHasher) async -> Digest {
        var hasher = initial
        while true {
            let buffers = await queue.receive()
            guard !buffers.isEmpty else { return hasher.finalize() }
            for buffer in buffers { hasher.update(buffer) }
        }
    }

    private func write(_ queue: BoundedQueue, from start: Int64) async throws {
        var appender = partial.appender(at: start, DigestHasher(descriptor.digest.algorithm))
        do {
            while true {
                let buffers = await queue.receive()
                guard !buffers.isEmpty else { return }
                for buffer in buffers {
                    try appender.write(buffer)
                    state.advance(to: appender.offset)
                }
            }
        } catch {
            queue.fail(error)
            throw error
        }
    }

    private func check(_ buffer: ByteBuffer, at offset: Int64) throws {
        onDelivery(buffer.readableBytes)
        guard offset + Int64(buffer.readableBytes) <= descriptor.size else {
            throw Mismatch(actual: "more than \(descriptor.size) bytes")
        }
    }

    private func checkEnd(_ offset: Int64) throws {
        guard offset == descriptor.size else { throw Mismatch(actual: "only \(offset) bytes") }
    }
}

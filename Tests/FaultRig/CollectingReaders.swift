import Cache
import Logging
import NIOCore
import OCI
import TestSupport

extension Campaign {
    /// Blobs are read while other processes take all names away and collect everything.
    package static func collectionBesideReaders(_ count: Int) async throws -> Figures {
        let ledger = Ledger("collection beside readers")
        try await SyncWork.with { work async throws in
            for number in 0..<count {
                try await Scratch.with { directory async throws in
                    try await work.expectSuccess("the first run", in: directory, target: number, ledger)
                    try await read(work, in: directory, ledger)
                    try await work.expectSuccess("after the collection", in: directory, target: number, ledger)
                }
            }
        }
        return ledger.figures
    }

    private static func read(_ work: SyncWork, in directory: String, _ ledger: Ledger) async throws {
        let cache = "\(directory)/cache"
        var logger = Logger(label: "rig")
        logger.logLevel = .critical
        let blobs = work.images.flatMap(\.blobs)
        try await ContentCache.with(CacheConfiguration(directory: cache, logger: logger)) { opened in
            let readers = try blobs.compactMap { try opened.blob($0.descriptor) }
            if readers.count != blobs.count { ledger.problem("\(blobs.count - readers.count) blobs are not there") }
            var hashers = readers.map { _ in DigestHasher(.sha256) }
            for (position, reader) in readers.enumerated() {
                hashers[position].update(try await reader.read(at: 0, atMost: 100))
            }
            try await collectEverything(work, cache, ledger)
            for (position, reader) in readers.enumerated() {
                var offset: Int64 = 100
                while offset < blobs[position].descriptor.size {
                    let piece = try await reader.read(at: offset, atMost: 10_000)
                    hashers[position].update(piece)
                    offset += Int64(piece.readableBytes)
                }
                ledger.countCase()
                let digest = hashers[position].finalize()
                if digest != blobs[position].descriptor.digest {
                    ledger.problem("read \(digest), not \(blobs[position])")
                }
            }
        }
    }

    private static func collectEverything(_ work: SyncWork, _ cache: String, _ ledger: Ledger) async throws {
        let names = work.images.indices.map { "\(work.registry.host)/up/app:1.\($0)" }
        for arguments in [["rm"] + names, ["gc", "--grace", "0s"]] {
            let result = try await FaultedProgram(
                .imglife,
                ["cache"] + arguments + ["--cache-dir", cache],
                cache: cache
            )
            .run()
            if result.status != 0 { ledger.problem("\(arguments): \(result.errors)") }
        }
        let left = try Examination(cache).blobs.count
        if left != 0 { ledger.problem("\(left) blobs are left, so that nothing was tried") }
    }
}

import Concurrency
import Logging
import OCI

/// One download from its turn to its commit: claimed, reserved, fetched and verified, committed, or given back.
struct Ingestion: Sendable {
    /// How often it shows that its process lives.
    static let signInterval = Duration.seconds(1)

    let download: Download
    let downloads: Downloads
    /// Makes room on a full disk; returns whether it did.
    let reclaim: @Sendable () async throws -> Bool

    var store: Store { downloads.store }
    var descriptor: Descriptor { download.descriptor }

    /// Brings one blob into the cache; room is made for one that does not fit.
    func run() async throws {
        try await downloads.places.withPlace {
            do {
                try await store.withDescriptors { try await once() }
            } catch let error as CacheError where error.kind == .diskFull {
                guard try await reclaim() else { throw error }
                download.state.restart()
                try await once()
            }
        }
    }

    private func once() async throws {
        while true {
            try store.health.check()
            switch try await claim() {
            case .committed(let file):
                // Somebody else's work is only done with its row, and it may have been killed before that.
                guard try await store.blobs.adopt([descriptor]).contains(descriptor.digest) else { continue }
                return download.state.commit(file, size: descriptor.size)
            case .partial(let partial):
                defer { partial.giveBack() }
                try await givingSigns(of: partial.file) { try await complete(partial) }
                downloads.count { $0.downloads += 1 }
                return download.state.commit(partial.file, size: descriptor.size)
            }
        }
    }

    private func complete(_ partial: Ingest) async throws {
        try await Reservation(store: store, descriptor: descriptor, partial: partial).hold {
            try await Resumption(partial: partial, ingestion: self).fetch()
            try await store.blobs.commit(
                PendingCommit(
                    descriptor,
                    partial,
                    // A source that is no registry has no place to come back to.
                    origin: try? RepositoryReference(download.source.place)
                )
            )
        }
    }

    /// Shows other processes that this one works on a file, from its claim to its row: also while a registry tells it to
    /// wait, and while the disk takes its time over an fsync.
    private func givingSigns(of file: OpenFile, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [pulse = store.configuration.pulse] in
                while true {
                    try await pulse.sleep(for: Self.signInterval)
                    file.touch()
                }
            }
            defer { group.cancelAll() }
            try await body()
        }
    }
}

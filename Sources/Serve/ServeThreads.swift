import NIOCore
import NIOPosix

/// Threads of a server for work that waits or computes, so that neither event loops nor tasks stand still for it.
struct ServeThreads: Sendable {
    private static let readers = 8

    /// For reads from the disk.
    let reading: NIOThreadPool
    /// For hashing files, one a core: more would only take turns.
    let hashing: NIOThreadPool

    init() {
        reading = NIOThreadPool(numberOfThreads: Self.readers)
        hashing = NIOThreadPool(numberOfThreads: max(1, System.coreCount))
        reading.start()
        hashing.start()
    }

    func close() async {
        for pool in [reading, hashing] { try? await pool.shutdownGracefully() }
    }
}

import Concurrency
import Glibc

/// How many downloads run at a time, so that files and connections don't run out.
enum DescriptorLimit {
    /// What the process needs beside downloads: standard streams, the cache's directories, the index, event loops.
    private static let base = 48
    /// A download's file, its connection, and those of what reads along.
    private static let perDownload = 4

    static func semaphore(files: Int = systemLimit) -> Concurrency.Semaphore {
        Concurrency.Semaphore(max(1, (files - base) / perDownload))
    }

    /// How many files may be open at a time beside what else the process has open.
    static func files(atMost count: Int) -> Int { max(1, min(count, (systemLimit - base) / 2)) }

    private static var systemLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1 << 20))
    }
}

extension Store {
    /// Tries again for half a minute while the process or the system has no file descriptor left.
    func withDescriptors<R>(_ body: () async throws -> R) async throws -> R {
        var attempts = 0
        while true {
            do {
                return try await body()
            } catch let error as CacheError where attempts < 30 && error.isForWantOfDescriptors {
                attempts += 1
                try await configuration.clock.sleep(for: .seconds(1))
            }
        }
    }
}

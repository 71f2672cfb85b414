import Glibc

/// How many files this process may have open.
enum OpenFiles {
    /// What a server needs beside its connections: the cache, the index, listeners, downloads.
    private static let reserve = 192
    /// The part of few files that it must do with, in eighths.
    private static let reserveOfFew = 5
    /// `RLIMIT_NOFILE`, which the system's header gives another type than its functions take.
    private static let resource = __rlimit_resource_t(7)

    /// With fewer the system's own libraries end the process when they run out, without a word.
    private static let fewest = 64

    /// Raises the limit to what the system allows, and tells how many connections that is enough for: each needs its
    /// socket and the file that it is sent.
    ///
    /// - Throws: ``TooFew``.
    static func raised() throws -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return .max }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
        guard getrlimit(resource, &limit) == 0 else { return .max }
        return try connections(files: Int(clamping: limit.rlim_cur))
    }

    /// A limit with which no server can run.
    struct TooFew: Error, CustomStringConvertible {
        let files: Int

        var description: String {
            "a server needs \(fewest) open files, and may have \(files): raise the limit (ulimit -n)"
        }
    }

    /// How many connections there are files for.
    static func connections(files: Int) throws(TooFew) -> Int {
        guard files >= fewest else { throw TooFew(files: files) }
        return max(4, (files - min(reserve, files / 8 * reserveOfFew)) / 2)
    }
}

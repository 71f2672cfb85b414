import Glibc

/// How many files this process may have open.
enum OpenFiles {
    /// What a server needs beside its connections: the cache, the index, listeners, downloads.
    private static let reserve = 192
    /// The part of few files that it must do with, in eighths.
    private static let reserveOfFew = 5
    /// `RLIMIT_NOFILE`, which the system's header gives another type than its functions take.
    private static let resource = __rlimit_resource_t(7)

    /// Raises the limit to what the system allows, and tells how many connections that is enough for: each needs its
    /// socket and the file that it is sent.
    static func raised() -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return .max }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
        guard getrlimit(resource, &limit) == 0 else { return .max }
        return connections(files: Int(clamping: limit.rlim_cur))
    }

    /// How many connections there are files for.
    static func connections(files: Int) -> Int {
        max(4, (files - min(reserve, files / 8 * reserveOfFew)) / 2)
    }
}

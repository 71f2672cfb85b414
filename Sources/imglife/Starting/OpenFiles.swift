import Glibc

/// How many files this process may have open.
enum OpenFiles {
    /// What a server needs beside its connections: the cache, the index, listeners, downloads.
    private static let reserve = 192
    /// The part of few files that it must do with, in eighths.
    private static let reserveOfFew = 5
    /// `RLIMIT_NOFILE`, which the system's header gives another type than its functions take.
    private static let resource = __rlimit_resource_t(7)

    /// With fewer no server runs, and no command: the system's own libraries end a process that runs out, without a word.
    private static let fewest = (server: 64, command: 24)

    /// What no command needs more of but a server.
    ///
    /// Programs that are started inherit it, and some go through all numbers that files could have.
    private static let usual = rlim_t(4096)

    /// Raises the limit for any command, where it is low and the system allows more.
    ///
    /// Shells begin with 1,024 or 256, which connections to many hosts use up.
    ///
    /// - Throws: ``TooFew``.
    static func raise() throws(TooFew) {
        guard let files = raise(to: usual), files < fewest.command else { return }
        throw TooFew(files: files, needed: fewest.command, by: "imglife")
    }

    /// Raises the limit to what the system allows, and tells how many connections that is enough for: each needs its
    /// socket and the file that it is sent.
    ///
    /// - Throws: ``TooFew``.
    static func raised() throws -> Int {
        guard let files = raise(to: .max) else { return .max }
        return try connections(files: files)
    }

    /// - Returns: the limit afterwards; `nil` where nobody knows it.
    private static func raise(to wanted: rlim_t) -> Int? {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        limit.rlim_cur = max(limit.rlim_cur, min(wanted, limit.rlim_max))
        _ = setrlimit(resource, &limit)
        guard getrlimit(resource, &limit) == 0 else { return nil }
        return Int(clamping: limit.rlim_cur)
    }

    /// A limit with which nothing can run.
    struct TooFew: Error, CustomStringConvertible {
        let files: Int
        let needed: Int
        let by: String

        var description: String {
            "\(by) needs \(needed) open files, and may have \(files): raise the limit (ulimit -n)"
        }
    }

    /// How many connections there are files for.
    static func connections(files: Int) throws(TooFew) -> Int {
        guard files >= fewest.server else { throw TooFew(files: files, needed: fewest.server, by: "a server") }
        return max(4, (files - min(reserve, files / 8 * reserveOfFew)) / 2)
    }
}

/// What goes wrong in a program that runs with the shim, and where; positions count from 1.
enum Fault: Sendable, CustomStringConvertible {
    /// The system calls that can fail.
    enum Call: String, CaseIterable, Sendable {
        case write, sync, open, rename, unlink, truncate, allocate, mkdir, readdir
    }

    /// SIGKILL right before a change to the file system.
    case kill(before: Int)
    /// SIGKILL right after the so many-th blob has got its place, before it has got its row.
    case killRenamed(Int)
    /// The index is locked by somebody else for ever, from the so many-th blob on that has got its place.
    case busyIndex(afterRename: Int)
    /// Nothing more fits into the index, from the so many-th blob on that has got its place.
    case fullIndex(afterRename: Int)
    /// SIGKILL after a time.
    case killLater(microseconds: Int)
    /// The machine loses its power right before a change to the file system.
    case powerCut(before: Int)
    /// The machine loses its power right after a line on standard output.
    case powerCutAfterLine(Int)
    case powerCutLater(microseconds: Int)
    /// A call fails with an error, once or from there on.
    case error(Call, CInt, at: Int, persists: Bool)
    case shortWrite(at: Int)
    /// Every call of a kind takes longer.
    case slow(Call, milliseconds: Int)
    /// Reading a file fails with `EIO` whose path contains a text without commas.
    case unreadable(String)
    /// Control: files are not synced.
    case noFileSync
    /// Control: directories are not synced.
    case noDirectorySync
    /// Control: the index is committed before a file is renamed.
    case lateRename

    /// As the shim reads it.
    var description: String {
        switch self {
        case .kill(let position): "kill:\(position)"
        case .killRenamed(let position): "killrenamed:\(position)"
        case .busyIndex(let position): "busyindex:\(position)"
        case .fullIndex(let position): "fullindex:\(position)"
        case .killLater(let time): "after:\(time)"
        case .powerCut(let position): "cut:\(position)"
        case .powerCutAfterLine(let number): "cutack:\(number)"
        case .powerCutLater(let time): "cutafter:\(time)"
        case .error(let call, let code, let position, let persists):
            "\(call.rawValue):\(code):\(position)\(persists ? "+" : "")"
        case .shortWrite(let position): "short:\(position)"
        case .slow(let call, let time): "slow:\(call.rawValue):\(time)"
        case .unreadable(let text): "unreadable:\(text)"
        case .noFileSync: "nofsync"
        case .noDirectorySync: "nodirfsync"
        case .lateRename: "laterename"
        }
    }
}

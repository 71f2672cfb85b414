import NIOCore
import TestSupport

/// What a program did to the file system, in order, as the shim has written it down.
struct Trace: Sendable {
    enum Change: Sendable {
        case create(String, inode: Int)
        case write(inode: Int, at: Int, [UInt8])
        case truncate(inode: Int, Int)
        case sync(String, inode: Int)
        case rename(String, String)
        case link(String, String)
        case unlink(String)
        case mkdir(String)
        /// It said something to the world.
        case say([UInt8])
    }

    let changes: [Change]

    init(_ path: String) throws {
        var bytes = try Files.read(path)
        var changes: [Change] = []
        while let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let head = bytes.readString(length: end - bytes.readerIndex) ?? ""
            bytes.moveReaderIndex(forwardBy: 1)
            let fields = head.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 6, let inode = Int(fields[3]), let offset = Int(fields[4]),
                let count = Int(fields[5]),
                let content = bytes.readBytes(length: count),
                let change = Change(fields[0], fields[1], fields[2], inode, offset, content)
            else { throw RigError("not a trace: \(head)") }
            changes.append(change)
        }
        self.changes = changes
    }
}

extension Trace.Change {
    init?(_ call: String, _ path: String, _ other: String, _ inode: Int, _ offset: Int, _ content: [UInt8]) {
        switch call {
        case "create": self = .create(path, inode: inode)
        case "write": self = .write(inode: inode, at: offset, content)
        case "truncate": self = .truncate(inode: inode, offset)
        case "sync": self = .sync(path, inode: inode)
        case "rename": self = .rename(path, other)
        case "link": self = .link(path, other)
        case "unlink": self = .unlink(path)
        case "mkdir": self = .mkdir(path)
        case "acknowledge": self = .say(content)
        default: return nil
        }
    }
}

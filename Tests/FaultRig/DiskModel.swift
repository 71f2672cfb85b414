import NIOCore
import TestSupport

/// A disk that has done as little as it may: bytes are safe when their file was synced, names when their directory was.
struct DiskModel {
    /// What of the things that were not synced has reached the disk when the power fails.
    enum Survival: String, CaseIterable {
        case everything
        case nothing
        case names
        case bytes

        fileprivate var hasNames: Bool { self == .everything || self == .names }
        fileprivate var hasBytes: Bool { self == .everything || self == .bytes }
    }

    private enum Entry: Equatable {
        case file(Int)
        case directory
    }

    private struct File {
        var bytes: [UInt8] = []
        var synced: [UInt8] = []
    }

    private var files: [File] = []
    /// The file that an inode is now; numbers are used again.
    private var inodes: [Int: Int] = [:]
    private var names: [String: Entry] = [:]
    private var syncedNames: [String: Entry] = [:]

    mutating func apply(_ change: Trace.Change) {
        switch change {
        case .create(let path, let inode):
            files.append(File())
            inodes[inode] = files.count - 1
            names[path] = .file(files.count - 1)
        case .write(let inode, let offset, let bytes): write(bytes, at: offset, inode)
        case .truncate(let inode, let length):
            guard let file = inodes[inode] else { return }
            let count = files[file].bytes.count
            files[file].bytes.removeLast(max(0, count - length))
            files[file].bytes += [UInt8](repeating: 0, count: max(0, length - count))
        case .sync(let path, let inode):
            if let file = inodes[inode], names[path] != .directory { files[file].synced = files[file].bytes }
            if names[path] == .directory { syncNames(in: path) }
        case .rename(let from, let to): names[to] = names.removeValue(forKey: from)
        case .link(let from, let to): names[to] = names[from]
        case .unlink(let path): names[path] = nil
        case .mkdir(let path): names[path] = .directory
        case .say: break
        }
    }

    private mutating func write(_ bytes: [UInt8], at offset: Int, _ inode: Int) {
        guard let file = inodes[inode] else { return }
        let end = offset + bytes.count
        let gap = end - files[file].bytes.count
        if gap > 0 { files[file].bytes += [UInt8](repeating: 0, count: gap) }
        files[file].bytes.replaceSubrange(offset..<end, with: bytes)
    }

    private mutating func syncNames(in directory: String) {
        let prefix = "\(directory)/"
        let isIn = { (path: String) in path.hasPrefix(prefix) && !path.dropFirst(prefix.count).contains("/") }
        for path in syncedNames.keys where isIn(path) { syncedNames[path] = nil }
        for (path, entry) in names where isIn(path) { syncedNames[path] = entry }
    }

    /// Makes real, in another place, what would be found in the trace's directory after the power failed now.
    ///
    /// The directory's own name is taken to be safe.
    func write(_ root: String, to copy: String, _ survival: Survival) throws {
        try Files.makeDirectory(copy)
        let found = survival.hasNames ? names : syncedNames
        // Directories come before what is in them.
        for (path, entry) in found.sorted(by: { $0.key < $1.key }) where path.hasPrefix("\(root)/") {
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            let target = copy + path.dropFirst(root.count)
            guard parent == root || found[parent] == .directory, Files.exists(copy + parent.dropFirst(root.count))
            else {
                continue
            }
            switch entry {
            case .directory: try Files.makeDirectory(target)
            case .file(let file):
                let bytes = survival.hasBytes ? files[file].bytes : files[file].synced
                try Files.write(ByteBuffer(bytes: bytes), to: target)
            }
        }
    }
}

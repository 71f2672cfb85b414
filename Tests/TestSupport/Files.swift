import FoundationEssentials
package import NIOCore

/// Small steps on files, for tests.
package enum Files {
    /// The whole file.
    package static func read(_ path: String) throws -> ByteBuffer {
        ByteBuffer(bytes: try Data(contentsOf: URL(filePath: path)))
    }

    /// The whole file as text.
    package static func text(_ path: String) throws -> String {
        String(buffer: try read(path))
    }

    /// Writes a file, replacing one that is there; its directory is made where it is missing.
    package static func write(_ bytes: ByteBuffer, to path: String) throws {
        let parent = URL(filePath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(bytes.readableBytesView).write(to: URL(filePath: path))
    }

    /// Writes a text file, replacing one that is there.
    package static func write(_ text: String, to path: String) throws {
        try write(ByteBuffer(string: text), to: path)
    }

    /// Whether something is at the path.
    package static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }

    /// The names in a directory, sorted.
    package static func list(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    /// Every regular file under a directory, as paths below it, sorted.
    package static func tree(_ path: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
            return attributes[.type] as? FileAttributeType == .typeRegular
        }.sorted()
    }

    /// Makes a directory and those above it.
    package static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Moves a file or a tree to where nothing is.
    package static func move(_ path: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: path, toPath: other)
    }

    /// Removes a file or a tree; nothing there is an error.
    package static func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: path)
    }
}

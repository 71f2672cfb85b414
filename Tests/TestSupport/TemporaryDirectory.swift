import FoundationEssentials
import Glibc

/// A directory for one test.
package enum TemporaryDirectory {
    /// Makes a directory under the system's temporary directory, or another one, and removes it, with all that is in
    /// it, at the end.
    package static func with<R>(in base: String? = nil, _ body: (_ path: String) async throws -> R) async throws -> R {
        let path = try make(in: base)
        defer { remove(path) }
        return try await body(path)
    }

    static func make(in place: String? = nil) throws -> String {
        let base = place ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/imglife-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError("mkdtemp", base) }
        return template.withUnsafeBufferPointer {
            String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A system call on a test's file that failed.
package struct FileError: Error, CustomStringConvertible {
    package let description: String

    init(_ call: String, _ path: String) {
        description = "\(call) \(path): \(String(cString: strerror(errno)))"
    }
}

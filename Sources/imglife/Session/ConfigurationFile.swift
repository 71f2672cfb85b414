import FoundationEssentials
import Glibc
import OCI

/// The configuration file, or standard input in its place.
enum ConfigurationFile {
    /// A larger file is not read to its end; the parser refuses it with its own words.
    private static let limit = (1 << 20) + 1
    /// Other tools' files are larger: lists of materials above all.
    static let foreignLimit = 256 << 20

    /// Whether it is standard input or another stream, or named by a descriptor: no file lies beside that.
    static func isStream(_ file: String) -> Bool {
        guard file != "-", file.wholeMatch(of: #//dev/stdin|/dev/fd/\d+|/proc/[^/]+/fd/\d+/#) == nil else {
            return true
        }
        var status = stat()
        return stat(file, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// - Throws: ``MissingConfiguration``.
    static func read(_ file: String, limit: Int = Self.limit) throws(MissingConfiguration) -> String {
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MissingConfiguration(file: file, code: errno) }
        defer { if file != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw MissingConfiguration(file: file, code: errno) }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MissingConfiguration(file: file, code: EILSEQ)
        }
        return text
    }
}

/// The configuration cannot be read.
struct MissingConfiguration: Error, CustomStringConvertible {
    let file: String
    let code: CInt

    /// There is no such file, in contrast to one that cannot be read.
    var isAbsent: Bool { code == ENOENT }

    var description: String {
        let place = file == "-" ? "standard input" : "'\(file.displaySafe)'"
        switch code {
        case ENOENT:
            return "there is no configuration at \(place): name it with --config or IMGLIFE_CONFIG, "
                + "or begin one with 'imglife init'"
        case EILSEQ: return "the configuration at \(place) is not UTF-8 text: save it as such"
        default: return "cannot read the configuration at \(place): \(String(cString: strerror(code)))"
        }
    }
}

import CLinux
import Glibc
import OCI

/// Users and their passwords' bcrypt hashes, as `htpasswd -B` writes them.
package struct PasswordFile: Hashable, Sendable {
    private let hashes: [String: String]
    /// The hash that a password of an unknown user is checked against, so that it takes as long.
    private let decoy: String

    /// Reads `user:hash` lines; empty ones and those that begin with `#` say nothing.
    ///
    /// - Parameters:
    ///   - text: the file's content.
    ///   - file: its name, for messages.
    /// - Throws: ``PasswordFileError`` for a line that is not of that form, another kind of hash, a user named twice,
    ///   and a file without users.
    package init(_ text: String, file: String) throws(PasswordFileError) {
        var hashes: [String: String] = [:]
        let text = text.withoutByteOrderMark
        // A return and a line feed are one character.
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let problem = { (reason: String) in PasswordFileError(file: file, line: number + 1, reason: reason) }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw problem("expected user:hash") }
            guard Self.isBcrypt(parts[1]) else {
                throw problem("only bcrypt hashes are accepted; make one with 'htpasswd -B'")
            }
            guard hashes.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw problem("this user has a line already")
            }
        }
        // The text after the method begins with the cost.
        guard let decoy = hashes.values.max(by: { $0.dropFirst(4) < $1.dropFirst(4) }) else {
            throw PasswordFileError(file: file, line: nil, reason: "it names no user")
        }
        self.hashes = hashes
        self.decoy = decoy
    }

    /// Whether a password is a user's; takes as long as bcrypt does, also for users that do not exist.
    func admits(user: String, password: String) -> Bool {
        let expected = hashes[user]
        let actual = Self.hash(password, by: expected ?? decoy)
        guard let expected, let actual else { return false }
        return Self.isEqual(Array(expected.utf8), Array(actual.utf8))
    }

    /// `$2y$10$` and 53 characters of bcrypt's alphabet; `2a` and `2b` are the same method.
    private static func isBcrypt(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, ["2y", "2a", "2b"].contains(parts[1]),
            parts[2].utf8.count == 2, let cost = Int(parts[2]), (4...17).contains(cost)
        else { return false }
        return parts[3].utf8.count == 53
            && parts[3].unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "." || $0 == "/")
            }
    }

    private static func hash(_ password: String, by setting: String) -> String? {
        guard !password.utf8.contains(0) else { return nil }
        var result = [CChar](repeating: 0, count: 128)
        guard clinux_crypt(password, setting, &result, result.count) == 0 else { return nil }
        return String(decoding: result.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Looks at every byte whatever the others are.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// Why a password file cannot be used; its text holds no hash.
package struct PasswordFileError: Error, Hashable, Sendable, CustomStringConvertible {
    let file: String
    let line: Int?
    let reason: String

    package var description: String {
        "cannot use the password file \(file.displaySafe)\(line.map { ", line \($0)" } ?? ""): \(reason)"
    }
}

extension PasswordFile {
    private static let maximumSize = 1 << 20

    /// Reads a file.
    ///
    /// - Throws: ``PasswordFileError``.
    init(path: String) throws(PasswordFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PasswordFileError(file: path, line: nil, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= Self.maximumSize {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw PasswordFileError(file: path, line: nil, reason: String(cString: strerror(errno)))
            }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        guard bytes.count <= Self.maximumSize, let text = String(validating: bytes, as: UTF8.self) else {
            throw PasswordFileError(file: path, line: nil, reason: "it is not a text of at most 1 MiB")
        }
        try self.init(text, file: path)
    }
}

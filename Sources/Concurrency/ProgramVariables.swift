import Glibc

/// The environment of a program that is started.
package enum ProgramVariables {
    /// The variables of an environment that a program can be given, each `name=value` with a zero behind it.
    ///
    /// swift-subprocess starts nothing while a name begins with a digit; one that is empty or holds a `=` is none. A value
    /// that was inherited and is no UTF-8 is handed on as it was.
    package static func bytes(of environment: [String: String]) -> [[UInt8]] {
        environment.filter { isName($0.key) }.map { name, value in
            Array("\(name)=".utf8) + bytes(of: value, named: name) + [0]
        }
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return !text.utf8.contains(UInt8(ascii: "="))
    }

    private static func bytes(of value: String, named name: String) -> [UInt8] {
        guard value.unicodeScalars.contains("\u{FFFD}"), let inherited = getenv(name),
            String(cString: inherited) == value
        else { return Array(value.utf8) }
        return Array(UnsafeRawBufferPointer(start: inherited, count: strlen(inherited)))
    }
}

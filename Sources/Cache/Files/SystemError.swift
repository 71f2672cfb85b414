import Glibc

/// A system call that failed, with its error number.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    package let call: String
    package let code: CInt

    package init(call: String, code: CInt) {
        self.call = call
        self.code = code
    }

    /// What the system says about the error number, such as `No space left on device`.
    package var reason: String { String(cString: strerror(code)) }

    package var description: String { "\(reason) (\(call))" }

    /// What says that a disk cannot give back what was written to it: as such, of a damaged file system, or of a wrong checksum
    /// of its own.
    static let codesOfFailingDisk: Set<CInt> = [EIO, EUCLEAN, EBADMSG]

    var isOfFailingDisk: Bool { Self.codesOfFailingDisk.contains(code) }

    /// Runs a system call that answers -1 on failure; an interrupted one is repeated.
    @discardableResult
    package static func check<Result: SignedInteger>(_ call: String, _ body: () -> Result) throws(SystemError) -> Result
    {
        while true {
            let result = body()
            if result != -1 { return result }
            let code = errno
            guard code == EINTR else { throw SystemError(call: call, code: code) }
        }
    }
}

import Glibc

/// Why a result could not be written, and what to do about it where the system's own words do not say so.
package enum OutputReason {
    /// - Parameter code: an `errno`.
    /// - Returns: what messages say of it.
    package static func text(_ code: CInt) -> String {
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOSPC, EDQUOT: "\(reason); free some space, or write somewhere else"
        default: reason
        }
    }
}

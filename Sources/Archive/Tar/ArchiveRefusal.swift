import Cache
import OCI

/// Why an archive may not be imported: what is wrong, and with which of its members.
struct ArchiveRefusal: Error, Hashable, CustomStringConvertible {
    /// The member's name as the archive writes it; `nil` where the archive as a whole is meant.
    let member: String?
    let reason: String

    init(_ member: String?, _ reason: String) {
        self.member = member
        self.reason = reason
    }

    init(_ reason: String) {
        self.init(nil, reason)
    }

    var description: String {
        member.map { "its member '\($0.displaySafe)' \(reason)" } ?? reason
    }
}

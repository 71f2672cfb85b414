/// The files that say who may pull and how the connection is kept from others, for those who check them beforehand.
package struct AccessFiles: Sendable {
    private let passwords: String?
    private let tls: TLSFiles?

    package init(passwords: String?, tls: TLSFiles?) {
        self.passwords = passwords
        self.tls = tls
    }

    /// Reads them as a server would when it starts; empty when it could start with them.
    package func troubles() -> [String] {
        var troubles: [String] = []
        do {
            if let passwords { _ = try PasswordFile(path: passwords) }
        } catch {
            troubles.append("\(error)")
        }
        do {
            if let tls { _ = try TLSContext(tls) }
        } catch {
            troubles.append("\(error)")
        }
        return troubles
    }
}

extension StringProtocol {
    /// The text as messages show it (``displaySafe``), ``withoutUserinfo``.
    package var displayedWithoutSecrets: String { withoutUserinfo.displaySafe }

    /// The same, cut after `limit` characters.
    package func displayedWithoutSecrets(limit: Int) -> String { withoutUserinfo.displaySafe(limit: limit) }

    /// The text without the user and password of the addresses in it, with a scheme or without one, and without the
    /// slashes behind it.
    ///
    /// What stands before an `@` with a digest behind it is an image.
    package var withoutUserinfo: String {
        guard contains("@") else { return String(self) }
        let withSlashes = #/\/\/(?:[^\s'"@/:]+|[^\s'"@/]+:[^\s'"]*)@(?!sha(?:256|512):)/#
        let withoutScheme = #/(?<before>^|[\s'"(])[^\s'"(@/:]+:[^\s'"/]*@(?!sha(?:256|512):)/#
        return String(self).replacing(withSlashes, with: "//***@")
            .replacing(withoutScheme) { "\($0.output.before)***@" }
    }
}

/// The Swift packages that imglife stands on, in the versions that its tests were last run with.
///
/// `docs/dependencies.md` has the same list with what each is for.
enum TestedLibraries {
    /// Those that `Package.swift` names; newer ones of the same major version are taken where they are found.
    static let direct: [(name: String, version: String)] = [
        ("async-http-client", "1.37.0"),
        ("GRDB.swift", "7.10.0"),
        ("swift-argument-parser", "1.8.2"),
        ("swift-crypto", "4.5.2"),
        ("swift-log", "1.16.2"),
        ("swift-mustache", "2.1.1"),
        ("swift-nio", "2.101.2"),
        ("swift-nio-ssl", "2.37.6"),
        ("swift-service-lifecycle", "2.13.0"),
        ("swift-subprocess", "1.0.2"),
        ("Yams", "6.2.2"),
    ]
}

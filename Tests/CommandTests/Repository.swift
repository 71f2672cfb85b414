/// Where the project's own files are.
enum Repository {
    /// The directory that has `docs` and `Sources`.
    static let path = "/" + String(#filePath).split(separator: "/").dropLast(3).joined(separator: "/")
}

/// What the archives of a set are called: `bundle.tar` becomes `bundle.01-of-12.tar`.
enum VolumeName {
    /// - Parameters:
    ///   - path: what one archive would be called.
    ///   - number: from 1.
    ///   - count: how many there are; of one alone the path stays as it is.
    /// - Returns: the path of one volume.
    static func path(_ path: String, number: Int, of count: Int) -> String {
        guard count > 1 else { return path }
        let digits = String(number)
        let padded = String(repeating: "0", count: String(count).utf8.count - digits.utf8.count) + digits
        let stem = path.hasSuffix(".tar") ? String(path.dropLast(4)) : path
        return "\(stem).\(padded)-of-\(count)" + path.dropFirst(stem.count)
    }
}

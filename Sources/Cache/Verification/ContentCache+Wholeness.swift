package import OCI

extension ContentCache {
    /// Whether all that an image consists of is here, with its manifest's word for the sizes; looks at files alone.
    ///
    /// What of it is damaged without anybody having noticed counts as here.
    ///
    /// - Throws: ``CacheError`` when that cannot be found out.
    package func isWhole(_ manifest: Manifest) throws -> Bool {
        var seen: Set<Digest> = []
        var open = [manifest]
        while let next = open.popLast() {
            for part in next.references where seen.insert(part.digest).inserted {
                guard try contains(part) else { return false }
                // An index may list what is no manifest.
                guard case .index = next.content, part.mediaType.isManifest else { continue }
                guard let child = try legible(part) else { return false }
                open.append(child)
            }
        }
        return true
    }

    /// - Returns: `nil` for what is not here, and for what is no manifest.
    private func legible(_ descriptor: Descriptor) throws -> Manifest? {
        do {
            return try manifest(descriptor)
        } catch is DocumentError {
            return nil
        }
    }
}

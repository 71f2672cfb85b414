/// What a cache has done since it was opened.
package struct CacheStatistics: Hashable, Sendable {
    /// Bytes that sources delivered, also those of attempts that failed.
    package var downloadedBytes: Int64 = 0
    /// Bytes of blobs that were there already when they were asked for; each asking counts.
    package var cachedBytes: Int64 = 0
    /// Bytes of earlier, interrupted downloads that were used again.
    package var resumedBytes: Int64 = 0
    /// Blobs whose download was completed here.
    package var downloads = 0
    /// Times that a blob was asked for and was there.
    package var hits = 0
    /// Times that a blob was asked for while it was already being downloaded.
    package var joins = 0

    package init() {}
}

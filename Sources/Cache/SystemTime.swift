import Glibc

extension CacheConfiguration {
    /// The system's wall clock, in seconds since 1970.
    package static let systemTime: @Sendable () -> Int64 = { Int64(time(nil)) }
}

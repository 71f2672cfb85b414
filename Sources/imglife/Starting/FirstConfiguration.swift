/// What `imglife init` writes for somebody who has nothing yet.
enum FirstConfiguration {
    static let text = """
        # What imglife mirrors. Check it with 'imglife --check', see what would be done with 'imglife sync --dry-run'.
        sync:
          # Which platforms of each image; leave it out to copy all of them.
          platforms: [linux/amd64]

          entries:
            # Every tag that matches, of them the three newest.
            - source: docker.io/library/alpine
              tag_regex: '^3\\.\\d+\\.\\d+$'
              keep_last: 3
              target: registry.example.com/mirrors/alpine

            # One tag, copied again when upstream moves it, with its signatures.
            - source: quay.io/prometheus/node-exporter
              tag: v1.9.1
              check_digest: true
              referrers: true
              target: registry.example.com/mirrors/node-exporter

        # Where every blob is kept once. Relative paths lie beside this file.
        cache:
          path: var/cache
          # max_size: 50GiB

        # How hosts are reached, where that is not HTTPS with a well-known certificate.
        # registries:
        #   registry.example.com:
        #     ca_file: private-ca.pem
        #   registry.lab.example:5000:
        #     plain_http: true

        # Credentials are never written here: set IMGLIFE_REGISTRY_EXAMPLE_COM_USERNAME and
        # IMGLIFE_REGISTRY_EXAMPLE_COM_PASSWORD, or use 'docker login'.

        """
}

#include <stdint.h>

// Foundation's static library brings 34 MB of locale data with it, and nothing here asks for a locale. The linker takes
// this empty package of the same name instead: a definition in the program goes before one in a library. Hidden, so that
// a Foundation that is linked dynamically keeps its own. ICU names the data by its version; where a toolchain brings
// another one, the program is larger and works all the same.
struct common_data {
    uint16_t header_size;
    uint8_t magic[2];
    uint16_t info_size;
    uint16_t reserved_word;
    uint8_t is_big_endian;
    uint8_t charset;
    uint8_t char_size;
    uint8_t reserved_byte;
    uint8_t format[4];
    uint8_t format_version[4];
    uint8_t data_version[4];
    uint8_t padding[8];
    uint32_t count;
};

#define EMPTY_PACKAGE \
    {32, {0xDA, 0x27}, 20, 0, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, 0, 2, 0, {'T', 'o', 'C', 'P'}, {1}, {0}, {0}, 0}

#define PACKAGE(version) \
    __attribute__((visibility("hidden"), aligned(16))) const struct common_data icudt##version##_dat = EMPTY_PACKAGE

PACKAGE(74);
PACKAGE(75);
PACKAGE(76);
PACKAGE(77);
PACKAGE(78);

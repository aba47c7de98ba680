/** Just enough of elf(5) to tell a static program from one that a loader, and so LD_PRELOAD, has a say in. */

const PT_INTERP = 3;

/** True: an ELF program without interpreter; false: with one; null: no 64-bit little-endian ELF program. */
export function isStaticElf(bytes: Uint8Array): boolean | null {
  if (bytes.length < 64 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    return null;
  if (bytes[4] !== 2 || bytes[5] !== 1) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (size < 56 || count === 0 || start + size * count > bytes.length) return null;
  for (let i = 0; i < count; i++) if (view.getUint32(start + i * size, true) === PT_INTERP) return false;
  return true;
}

import { chmod } from 'node:fs/promises';
import { fail, type Finding } from './check.ts';

/** What is wrong when others than the owner may use a file or directory; nothing otherwise. @param wanted its mode */
export function closeToOthers(path: string, mode: number, wanted: number): Finding[] {
  if ((mode & 0o077) === 0) return [];
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  return [
    fail(
      `others may use ${path}: its mode is ${octal}`,
      `Close it: \`chmod ${wanted.toString(8)} ${path}\`. If other people use this machine, make the secrets in it anew.`,
      () => chmod(path, wanted),
    ),
  ];
}

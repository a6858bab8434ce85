/** Videos that users send, with the expected results. */

export interface SentVideo {
  readonly name: string
  readonly format: string
  readonly mime: string
  readonly size: readonly [width: number, height: number]
  /** Whole seconds, rounded up. */
  readonly duration: number
  /**
   * The mean colours of the quarters of a frame, from left to right and from top to bottom, by the requested
   * moment. Without a moment it is the frame that a player shows first. Determined with `ffmpeg -i <name>`,
   * which decodes everything before the frame.
   */
  readonly shown: Readonly<Record<string, string>>
  /** The timestamps of the three frames. */
  readonly frames: readonly number[]
}

export const SENT_VIDEOS: readonly SentVideo[] = [
  {
    name: 'longgop.mp4',
    format: 'mp4',
    mime: 'video/mp4',
    size: [64, 64],
    duration: 40,
    shown: {
      '': '4d3b10 332e40 a87810 434abf',
      '1': '583908 362740 798d31 5745a5',
      '21': '55380b 381d41 a76c24 1f84a0',
      '30': '573804 37293b 806b57 4870a8',
      '39.5': '423d14 3d263a 6e6f6e 375bcb',
      '100%': '423b17 3f2637 a47c13 4463af',
    },
    frames: [2, 20, 39],
  },
  {
    name: 'cut.mp4',
    format: 'mp4',
    mime: 'video/mp4',
    size: [320, 180],
    duration: 3,
    shown: {
      '': '969401 5358f8 9ca81e 6153e6',
      '0': '969401 5358f8 9ca81e 6153e6',
      '1': '898814 6a58de a9a918 4f5cf8',
      '100%': '8b8616 685eda aaa602 515cf3',
    },
    frames: [1, 1.5, 2],
  },
  {
    name: 'sef-svc-prefix.mp4',
    format: 'mp4',
    mime: 'video/mp4',
    size: [160, 120],
    duration: 15,
    shown: {
      '': '774c28 82542e 714a2c 8e654b',
      '8.3': '7b533b 835a44 6b4938 8c675a',
      '9': '774f39 805640 694735 896456',
      '13.5': '785039 805742 6b493a 89655b',
    },
    frames: [1.93, 7.23, 13.5],
  },
  {
    name: 'two-seconds.mp4',
    format: 'mp4',
    mime: 'video/mp4',
    size: [160, 120],
    duration: 2,
    shown: {
      '': '666109 5362d7 aea104 5e4af1',
      '1': '6f5f06 5961d2 98b019 6649e5',
      '100%': '6d5f02 615fc5 91ac24 6353e6',
    },
    frames: [1, 1.48, 1.96],
  },
  {
    name: 'full.avi',
    format: 'avi',
    mime: 'video/x-msvideo',
    size: [320, 180],
    duration: 5,
    shown: {
      '': '899509 5357fa a9a702 5754f3',
      '1': '979504 5358f8 9cae12 5c51ea',
      '100%': '8c8618 685ed8 aba604 505cf2',
    },
    frames: [1, 2, 3.03],
  },
  {
    name: 'trunc.avi',
    format: 'avi',
    mime: 'video/x-msvideo',
    size: [320, 180],
    duration: 3,
    shown: {
      '': '899509 5357fa a9a702 5754f3',
      '1': '979504 5358f8 9cae12 5c51ea',
      '100%': '969402 5557f4 95ad1a 6055e5',
    },
    frames: [1, 1.5, 1.97],
  },
  {
    name: 'iphone_apac.mov',
    format: 'mov',
    mime: 'video/quicktime',
    size: [320, 180],
    duration: 4,
    shown: {
      '': '897905 4c47ef a88803 5346e9',
      '1': '997203 524aed 94910d 5542df',
      '100%': '896915 634acc a98703 4c4ee9',
    },
    frames: [1, 2, 3],
  },
  {
    name: 'v.3gp',
    format: '3gp',
    mime: 'video/3gpp',
    size: [320, 240],
    duration: 2,
    shown: {
      '': '929a07 5655fb a8a701 5259f5',
      '1': '9b9902 5656fa 9eaf0c 5855ed',
      '100%': '9a9901 5756f7 99ac12 5a58ea',
    },
    frames: [1, 1.48, 1.96],
  },
  {
    name: 'v.flv',
    format: 'flv',
    mime: 'video/x-flv',
    size: [320, 240],
    duration: 2,
    shown: {
      '': '929a07 5655fa a9a701 5158f4',
      '1': '9b9903 5556fa 9eaf0d 5855ed',
      '100%': '9b9902 5756f7 9aac14 5a58e9',
    },
    frames: [1, 1.48, 1.96],
  },
  {
    name: 'v.ogv',
    format: 'ogv',
    mime: 'video/ogg',
    size: [320, 240],
    duration: 2,
    shown: {
      '': '939909 5655f9 aaa503 5258f3',
      '1': '9c9704 5656f9 9eae0e 5855ec',
      '100%': '9b9803 5755f6 9aab14 5b58e9',
    },
    frames: [1, 1.48, 1.96],
  },
  {
    name: 'v.ts',
    format: 'ts',
    mime: 'video/mp2t',
    size: [320, 240],
    duration: 2,
    shown: {
      '': '929a07 5655fa a9a701 5159f4',
      '1': '9b9903 5556f9 9eaf0d 5755ec',
      '100%': '9b9903 5756f6 9aab14 5a58e9',
    },
    frames: [1, 1.48, 1.96],
  },
  {
    name: 'v.wmv',
    format: 'wmv',
    mime: 'video/x-ms-wmv',
    size: [320, 240],
    duration: 2,
    shown: {
      '': '929a07 5655fa a9a701 5158f4',
      '1': '9b9903 5656fa 9eaf0d 5855ec',
      '100%': '9b9903 5755f7 9aac14 5a58e9',
    },
    frames: [1, 1.48, 1.96],
  },
]

export interface SentAudio {
  readonly name: string
  readonly format: string
  readonly mime: string
  /** Whole seconds, rounded up. */
  readonly duration: number
}

export const SENT_AUDIO: readonly SentAudio[] = [
  { name: 'voice.webm', format: 'webm', mime: 'audio/webm', duration: 4 },
  { name: 'alac.m4a', format: 'm4a', mime: 'audio/mp4', duration: 3 },
  { name: 'noxing.mp3', format: 'mp3', mime: 'audio/mpeg', duration: 5 },
  { name: 'vbr-without-xing-60s.mp3', format: 'mp3', mime: 'audio/mpeg', duration: 61 },
]

/** Operations on an image other than scaling. */

import { BLUE, type Case, RED } from './case.ts'

const LIME = [0, 255, 0, 255] as const
const CLEAR = [0, 0, 0, 0] as const
const WHITE = [255, 255, 255, 255] as const

/** The colour of the first frame of the test animations, and their timing. */
const FIRST = [255, 0, 0, 255] as const
const MOVING = { frames: 3, delays: [100, 250, 400], loop: 2 }

export const operations: readonly Case[] = [
  {
    name: 'a crop in pixels',
    path: '/attachments/1/land.png?crop=150,0,100,50',
    status: 200,
    image: {
      format: 'png',
      width: 100,
      height: 50,
      pixels: [
        { x: 40, y: 25, rgba: RED },
        { x: 60, y: 25, rgba: BLUE },
      ],
    },
  },
  {
    name: 'a crop in fractions, scaled',
    path: '/attachments/1/land.png?crop=0.5,0.25,0.5,0.5&width=100',
    status: 200,
    image: { format: 'png', width: 100, height: 75, pixels: [{ x: 4, y: 4, rgba: BLUE }] },
  },
  {
    name: 'a crop applies to the image after its EXIF orientation',
    path: '/attachments/1/photo.jpg?crop=0,200,300,200&format=png',
    status: 200,
    image: { format: 'png', width: 300, height: 200, pixels: [{ x: 150, y: 20, rgba: BLUE }] },
  },
  {
    name: 'a crop of an SVG is rasterised at the requested size',
    path: '/attachments/1/logo.svg?crop=0,0,50,100&width=300&format=png',
    status: 200,
    image: { format: 'png', width: 300, height: 600, pixels: [{ x: 290, y: 590, rgba: LIME }] },
  },
  {
    name: 'a crop applies to every frame',
    path: '/attachments/1/anim.gif?crop=0,0,0.5,1&animated=true',
    status: 200,
    image: { format: 'gif', width: 40, height: 60, ...MOVING, pixels: [{ x: 20, y: 30, rgba: FIRST }] },
  },
  {
    name: 'gravity=face keeps the face',
    path: '/attachments/1/portrait.png?width=200&height=250&gravity=face',
    status: 200,
    // A crop of 400 by 500 pixels of the source, from x = 800 on: the forehead is in the middle.
    image: {
      format: 'png',
      width: 200,
      height: 250,
      pixels: [{ x: 100, y: 80, rgba: [224, 168, 128, 255] }],
    },
  },
  {
    name: 'gravity=face keeps the face of a rotated crop',
    path: '/attachments/1/portrait.png?crop=600,0,600,500&rotate=90&width=250&height=200&gravity=face',
    status: 200,
    image: {
      format: 'png',
      width: 250,
      height: 200,
      pixels: [{ x: 169, y: 100, rgba: [224, 168, 128, 255] }],
    },
  },
  {
    name: 'gravity=face of an image without a face',
    path: '/attachments/1/land.png?width=100&height=200&gravity=face',
    status: 200,
    image: { format: 'png', width: 100, height: 200 },
  },
  {
    name: 'gravity=face of an animation without a face',
    path: '/attachments/1/anim.gif?width=20&height=40&gravity=face&animated=true',
    status: 200,
    image: { format: 'gif', width: 20, height: 40, ...MOVING },
  },
  {
    name: 'gravity=face of an SVG',
    path: '/attachments/1/logo.svg?width=100&height=200&gravity=face',
    status: 200,
    image: { format: 'webp', width: 100, height: 200 },
  },
  {
    name: 'a trim removes the border',
    path: '/attachments/1/bordered.png?trim=true',
    status: 200,
    image: {
      format: 'png',
      width: 100,
      height: 60,
      pixels: [
        { x: 1, y: 1, rgba: RED },
        { x: 98, y: 58, rgba: BLUE },
      ],
    },
  },
  {
    name: 'a trim comes before the width',
    path: '/attachments/1/bordered.png?trim=1&width=50',
    status: 200,
    image: { format: 'png', width: 50, height: 30 },
  },
  {
    name: 'a trim does not change an animation',
    path: '/attachments/1/anim.gif?trim=true&animated=true',
    status: 200,
    image: { format: 'gif', width: 80, height: 60, ...MOVING },
  },
  {
    name: 'a rotated image has the requested width',
    path: '/attachments/1/land.png?rotate=90&width=150',
    status: 200,
    image: {
      format: 'png',
      width: 150,
      height: 200,
      pixels: [
        { x: 75, y: 20, rgba: RED },
        { x: 75, y: 180, rgba: BLUE },
      ],
    },
  },
  {
    name: 'a rotation is applied after the EXIF orientation',
    path: '/attachments/1/photo.jpg?rotate=270&format=png',
    status: 200,
    image: { format: 'png', width: 400, height: 300, pixels: [{ x: 20, y: 150, rgba: RED }] },
  },
  {
    name: 'an image is mirrored',
    path: '/attachments/1/land.png?flip=h',
    status: 200,
    image: { format: 'png', width: 400, height: 300, pixels: [{ x: 20, y: 150, rgba: BLUE }] },
  },
  {
    name: 'an avatar is mirrored',
    path: '/avatars/1/land.webp?size=64&flip=h',
    status: 200,
    image: { format: 'webp', width: 64, height: 48, pixels: [{ x: 8, y: 24, rgba: BLUE }] },
  },
  {
    name: 'a sticker is rotated and padded to its box',
    path: '/stickers/8?size=128&rotate=90',
    status: 200,
    image: {
      format: 'webp',
      width: 128,
      height: 128,
      pixels: [
        { x: 10, y: 64, rgba: CLEAR },
        { x: 64, y: 10, rgba: RED },
      ],
    },
  },
  ...(['gif', 'webp', 'png'] as const).map(
    (format): Case => ({
      name: `every frame is rotated, padded and sharpened in ${format}`,
      path: `/attachments/1/anim.gif?rotate=90&pad=10,0&background=ffffff&sharpen=1&animated=true&format=${format}`,
      status: 200,
      image: {
        format,
        width: 60,
        height: 100,
        ...MOVING,
        pixels: [
          { x: 30, y: 4, rgba: WHITE },
          { x: 30, y: 50, rgba: FIRST },
          { x: 30, y: 95, rgba: WHITE },
        ],
      },
    }),
  ),
  {
    name: 'an animated PNG is rotated',
    path: '/attachments/1/moving.png?rotate=90&animated=true&format=webp',
    status: 200,
    image: { format: 'webp', width: 60, height: 80, frames: 3 },
  },
  {
    name: 'a border is transparent',
    path: '/attachments/1/land.png?width=100&pad=5,10',
    status: 200,
    image: {
      format: 'png',
      width: 120,
      height: 85,
      pixels: [
        { x: 5, y: 40, rgba: CLEAR },
        { x: 15, y: 40, rgba: RED },
      ],
    },
  },
  {
    name: 'a border is white in JPEG',
    path: '/attachments/1/land.png?width=100&pad=16&format=jpg',
    status: 200,
    image: { format: 'jpeg', width: 132, height: 107, pixels: [{ x: 2, y: 2, rgba: WHITE }] },
  },
  {
    name: 'a background is visible under transparent pixels',
    path: '/attachments/1/glass.png?background=0000ff&format=png',
    status: 200,
    image: { format: 'png', width: 64, height: 64, pixels: [{ x: 32, y: 32, rgba: [10, 100, 138, 255] }] },
  },
  {
    name: 'a background fills the area that contain adds',
    path: '/attachments/1/land.png?width=200&height=200&fit=contain&background=00ff00',
    status: 200,
    image: { format: 'png', width: 200, height: 200, pixels: [{ x: 100, y: 5, rgba: LIME }] },
  },
  {
    name: 'an image is sharpened',
    path: '/attachments/1/land.png?width=100&sharpen=3',
    status: 200,
    image: { format: 'png', width: 100, height: 75, pixels: [{ x: 10, y: 40, rgba: RED }] },
  },
  ...(['webp', 'jpg', 'avif'] as const).map(
    (format): Case => ({
      name: `maxbytes limits the size of ${format}`,
      path: `/attachments/1/noise.png?format=${format}&maxbytes=19999`,
      status: 200,
      expect: { 'content-length': /^1?\d{1,4}$/ },
      image: { format: format === 'jpg' ? 'jpeg' : format, width: 256, height: 256 },
    }),
  ),
  {
    name: 'maxbytes limits the size of an animation',
    path: '/attachments/1/anim.gif?format=webp&animated=true&maxbytes=900',
    status: 200,
    expect: { 'content-length': /^\d{1,3}$/ },
    image: { format: 'webp', width: 80, height: 60, ...MOVING },
  },
]
